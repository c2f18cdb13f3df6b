"""edgeopt: optimization of AI models that share parameters at the network edge."""

from importlib.metadata import version

from edgeopt.comparison import Comparison
from edgeopt.errors import EdgeoptError, InputError, MethodRefusal, MissingExtra, ProgramError, UsageError
from edgeopt.instance import Instance, instance_from_dict, read
from edgeopt.library import Atom, Model, ModelLibrary, SharingSummary
from edgeopt.method import Method, Options, Outcome, Progress, method, methods
from edgeopt.solution import CheckReport, Plan, Solution, Status, Stopped, Violation
from edgeopt.solving import check, compare, fitting_methods, solve

__version__ = version("edgeopt")

__all__ = [
    "Atom",
    "CheckReport",
    "Comparison",
    "EdgeoptError",
    "InputError",
    "Instance",
    "Method",
    "MethodRefusal",
    "MissingExtra",
    "Model",
    "ModelLibrary",
    "Options",
    "Outcome",
    "Plan",
    "ProgramError",
    "Progress",
    "SharingSummary",
    "Solution",
    "Status",
    "Stopped",
    "UsageError",
    "Violation",
    "check",
    "compare",
    "fitting_methods",
    "instance_from_dict",
    "method",
    "methods",
    "read",
    "solve",
]

"""edgeopt: optimization of AI models that share parameters at the network edge."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgeopt.comparison import Comparison
from edgeopt.errors import EdgeoptError, InputError, MethodRefusal, MissingExtra, ProgramError, UsageError
from edgeopt.instance import Instance, instance_from_dict, read
from edgeopt.library import Atom, Model, ModelLibrary, SharingSummary
from edgeopt.method import Method, Options, Outcome, Progress, method, methods
from edgeopt.solution import CheckReport, Plan, Solution, Status, Stopped, Violation
from edgeopt.solving import check, compare, fitting_methods, solve

_FOLDER = Path(__file__).parent
if not (_FOLDER / "models").is_dir():  # a bare checkout: `edgeopt.models` stands beside this folder
    __path__.append(str(_FOLDER.parent))

try:
    __version__ = version("edgeopt")
except PackageNotFoundError:  # nothing is installed
    __version__ = "unknown"

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
    "linearize_products",
    "method",
    "methods",
    "read",
    "solve",
]


def __getattr__(name: str) -> Any:
    """Import `linearize_products` when it is asked for: it needs Pyomo, which takes long to import."""
    if name == "linearize_products":
        from edgeopt.models.linearize import linearize_products

        return linearize_products
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

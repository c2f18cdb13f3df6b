"""edgeopt: optimization of AI models that share parameters at the network edge."""

from importlib import import_module
from pathlib import Path
from typing import Any

from edgeopt.builder import build
from edgeopt.certificates import check
from edgeopt.comparing import Comparisons, compare
from edgeopt.comparison import Comparison
from edgeopt.errors import EdgeoptError, InputError, MethodRefusal, MissingExtra, ProgramError, UsageError
from edgeopt.instance import Instance, instance_from_dict, read
from edgeopt.libraries.library import Model, ModelLibrary, SharingSummary
from edgeopt.libraries.sharing import Atom
from edgeopt.method import Method, method, methods
from edgeopt.run import Options, Outcome, Progress, Run
from edgeopt.sensitivity import WhatIf, whatif
from edgeopt.solution import CheckReport, Plan, Solution, Status, Stopped, Violation
from edgeopt.solving import fitting_methods, solve
from edgeopt.stopping import FirstFeasible, NoImprovement, TargetObjective
from edgeopt.variations import Variation, drawn, varied
from edgeopt.versions import installed_version, show_versions

_FOLDER = Path(__file__).parent
if not (_FOLDER / "models").is_dir():  # a bare checkout: `edgeopt.models` stands beside this folder
    __path__.append(str(_FOLDER.parent))

__version__ = installed_version("edgeopt")

__all__ = [
    "Atom",
    "CheckReport",
    "Comparison",
    "Comparisons",
    "EdgeoptError",
    "FirstFeasible",
    "InputError",
    "Instance",
    "Method",
    "MethodRefusal",
    "MissingExtra",
    "Model",
    "ModelLibrary",
    "NoImprovement",
    "Options",
    "Outcome",
    "Plan",
    "ProgramError",
    "Progress",
    "Run",
    "SharingSummary",
    "Solution",
    "Status",
    "Stopped",
    "TargetObjective",
    "UsageError",
    "Variation",
    "Violation",
    "WhatIf",
    "build",
    "check",
    "compare",
    "drawn",
    "fitting_methods",
    "instance_from_dict",
    "linearize_products",
    "method",
    "methods",
    "read",
    "replay",
    "show_versions",
    "solve",
    "solve_formulation",
    "sweep",
    "varied",
    "whatif",
]


_LATER = {
    "linearize_products": "models.linearize",
    "solve_formulation": "formulations.solving",
    "replay": "loading.policies.study",
    "sweep": "experiments.sweeping",
}


def __getattr__(name: str) -> Any:
    """Import when it is used what takes long to import: Pyomo for formulations, compiled code, databases."""
    if name in _LATER:
        return getattr(import_module(f"edgeopt.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

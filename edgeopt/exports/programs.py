"""Formulations as files that any solver reads: LP and MPS, written by Pyomo."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgeopt.exports.target import Request, Target

# The linear formulation of each problem whose optimum is that of the instance.
FORMULATIONS = {
    "loading": "formulate",
    "pulling": "formulate_strong",
    "caching": "formulate",
    "placement": "formulate",
    "residency": "formulate",
}


def write(kind: str, request: Request) -> tuple[dict[str, str], str]:
    """Write the formulation of an instance."""
    from pyomo.opt import ProblemFormat

    formats = {"lp": ProblemFormat.cpxlp, "mps": ProblemFormat.mps}
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"formulation.{kind}"
        formulation = _formulation(request.instance)
        formulation.write(str(path), format=formats[kind], io_options={"symbolic_solver_labels": True})
        text = path.read_text(encoding="utf-8")
    module = f"models/{_home(request.instance)}.py"
    return {"": text}, f"the formulation of {module}; rows that a method adds on its way are not in it"


def _formulation(instance: Any) -> Any:
    module = import_module(f"edgeopt.models.{_home(instance)}")
    return getattr(module, FORMULATIONS[instance.problem])(instance)


def _home(instance: Any) -> str:
    weighted = instance.problem == "loading" and instance.weighted
    return "loading_weights" if weighted else str(instance.problem)


LP = Target("lp", "the formulation for any solver", (), False, (".lp",), partial(write, "lp"))
MPS = Target("mps", "the formulation for any solver", (), False, (".mps",), partial(write, "mps"))

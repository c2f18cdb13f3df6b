"""Formulations as LP and MPS files: another reader finds the same optimum in them."""

from __future__ import annotations

from pathlib import Path

import highspy
import pytest

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.exports.exporting import export
from edgeopt.exports.programs import FORMULATIONS
from edgeopt.exports.programs import _formulation as formulation_of
from edgeopt.problems import PROBLEMS
from edgeopt.run import Run

SMALL = ["loading/tiny", "pulling/tiny", "caching/cells-4", "placement/tiny", "residency/tiny"]


def test_every_problem_has_a_formulation() -> None:
    assert set(FORMULATIONS) == set(PROBLEMS) == {path.partition("/")[0] for path in SMALL}


@pytest.mark.parametrize("kind", ["lp", "mps"])
@pytest.mark.parametrize("path", [pytest.param(p, marks=[pytest.mark.slow] * ("caching" in p)) for p in SMALL])
def test_another_reader_finds_the_same_optimum(path: str, kind: str, tmp_path: Path) -> None:
    instance = edgeopt.read(Path(__file__).parents[2] / "instances" / f"{path}.json")
    program = compile_formulation(formulation_of(instance))
    expected = HighsSolver(program, Run(maximize=program.maximize)).solve().objective
    file = tmp_path / f"program.{kind}"
    file.write_text(export(instance, kind)[0][""])
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    assert solver.readModel(str(file)) == highspy.HighsStatus.kOk
    solver.run()
    assert solver.getInfo().objective_function_value == pytest.approx(expected, rel=1e-6)


def test_modes_without_a_formulation_are_refused() -> None:
    instance = edgeopt.read(Path(__file__).parents[2] / "instances/loading/tiny-individual.json")
    with pytest.raises(edgeopt.UsageError, match="the formulation is for one deadline"):
        export(instance, "lp")

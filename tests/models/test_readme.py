"""The page of the formulations says what they are: sizes, relaxations, and best values known."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.run import Run

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "models/README.md").read_text(encoding="utf-8").split("## Sizes and values")[1]
ROWS = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in TABLE.splitlines() if "`" in line[:4]]


def test_the_table_is_read() -> None:
    assert len(ROWS) == 10


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row[0], marks=[pytest.mark.slow] if number % 5 < 4 else [])
        for number, row in enumerate(ROWS)
    ],
)
def test_sizes_and_values_are_those_of_the_page(row: list[str]) -> None:
    name, path, *sizes, relaxation, best, _ = row
    module, function = name.split(".")
    instance = edgeopt.read(ROOT / "instances" / f"{path}.json")
    formulation = getattr(import_module(f"edgeopt.models.{module}"), function)(instance)
    program = compile_formulation(formulation)
    found = [len(program.cost), int(program.integer.sum()), program.rows.shape[0], program.rows.nnz]
    assert list(map(str, found)) == sizes
    relaxed = HighsSolver(program, Run(maximize=program.maximize)).solve(relaxed=True).objective
    assert relaxed == pytest.approx(float(relaxation), rel=1e-5)
    known = json.loads((ROOT / "instances/best_known.json").read_text(encoding="utf-8"))["instances"][path]
    assert known["objective"] == pytest.approx(float(best), rel=1e-5)

"""Shipped instances of `residency`, and formulations that their user has changed."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

import edgeopt
from edgeopt.models.residency import formulate
from tests.cli.program import run
from tests.residency.brute_force import optimum

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "instances" / "residency"
COMMANDS = re.findall(r"^edgeopt (generate residency .*)$", (SHIPPED / "README.md").read_text(), re.M)


def test_every_drawn_file_has_its_command() -> None:
    made = {Path(shlex.split(command)[-1]).name for command in COMMANDS}
    assert made | {"tiny.json"} == {path.name for path in SHIPPED.glob("*.json")}


@pytest.mark.parametrize("command", COMMANDS)
def test_files_are_made_again(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "instances/residency").mkdir(parents=True)
    shutil.copytree(ROOT / "instances/libraries", tmp_path / "instances/libraries")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    assert run(*words)[0] == 0
    assert Path(words[-1]).read_bytes() == (ROOT / words[-1]).read_bytes()


def test_the_smallest_is_as_enumerated() -> None:
    instance = edgeopt.read(SHIPPED / "tiny.json")
    assert edgeopt.solve(instance, "exact", threads=1).objective == pytest.approx(float(optimum(instance) or 0))


def test_a_changed_formulation_is_solved() -> None:
    """What the user forbids to keep is loaded again, and the plan passes the check."""
    instance = edgeopt.read(SHIPPED / "tiny.json")
    formulation = formulate(instance)
    best = edgeopt.solve_formulation(instance, formulation)
    assert best.objective == pytest.approx(29.4)
    for interval in formulation.x:
        formulation.x[interval].fix(0)
    nothing = edgeopt.solve_formulation(instance, formulation)
    assert nothing.objective == pytest.approx(formulation.data.S)
    assert nothing.report is not None
    assert nothing.report.objective == pytest.approx(nothing.objective)
    formulation.room.deactivate()
    with pytest.raises(edgeopt.UsageError, match="room"):
        edgeopt.solve_formulation(instance, formulation)

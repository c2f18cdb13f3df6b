"""Solutions: what they state, show, and become in files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt import InputError, Solution, UsageError
from edgeopt.solution import relative_gap
from tests.plans import all_users, first_user, two_models


def solved() -> Solution:
    return edgeopt.solve(two_models(), all_users, threads=1)


@pytest.mark.parametrize(
    ("objective", "bound", "gap"),
    [
        (10, 12, 0.2),
        (10, 10, 0.0),
        (0, 0, 0.0),
        (0, 3, 1.0),
        (3e-20, 6e-20, 1.0),
        (-4.0, -5.0, 0.25),
        (None, 3, None),
        (3, None, None),
    ],
)
def test_gap(objective: float | None, bound: float | None, gap: float | None) -> None:
    assert relative_gap(objective, bound) == (None if gap is None else pytest.approx(gap))


def test_file_and_back(tmp_path: Path) -> None:
    solution = solved()
    solution.write(tmp_path / "s.json")
    assert Solution.read(tmp_path / "s.json") == solution
    assert json.loads((tmp_path / "s.json").read_text())["status"] == "optimal"


def test_missing_figures_stand_as_null_in_the_file() -> None:
    data = edgeopt.solve(two_models(), first_user).to_dict()
    assert data["bound"] is None
    assert data["gap"] is None
    assert "instance_path" not in data


def test_pickled_solution_can_still_be_drawn_and_tabled() -> None:
    copy = pickle.loads(pickle.dumps(solved()))
    assert copy == solved().model_copy(
        update={name: getattr(copy, name) for name in ("runtime_s", "setup_s", "history")}
    )
    assert list(copy.to_frame()["user"]) == ["ann", "bob", "cem"]
    assert len(copy.plot().axes) == 3


def test_a_solution_from_a_file_asks_for_its_instance(tmp_path: Path) -> None:
    solved().write(tmp_path / "s.json")
    read = Solution.read(tmp_path / "s.json")
    with pytest.raises(UsageError, match=r"solution\.of\(instance\)"):
        read.plot()
    assert len(read.of(two_models()).to_frame()) == 3
    other = two_models().model_copy(update={"bandwidth_hz": 5.0})
    with pytest.raises(UsageError, match="other content"):
        read.of(other)


def test_shows_itself_in_text_and_html() -> None:
    solution = solved()
    assert "objective 3" in str(solution)
    assert "optimal" in str(solution)
    assert "<table>" in solution._repr_html_()
    hostile = solution.model_copy(update={"instance": "<script>"})
    assert "<script>" not in hostile._repr_html_()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"format": "edgeopt-instance/1"}, "$.format"),
        ({"status": "superb"}, "$.status"),
        ({"stopped": None}, "$.stopped"),
        ({"objective": "3"}, "$.objective"),
        ({"objective": True}, "$.objective"),
        ({"runtime_s": -1.0}, "$.runtime_s"),
        ({"plan": []}, "$.plan"),
        ({"more": 1}, "$.more"),
        ({"history": [[1, 2]]}, "$.history[0]"),
    ],
)
def test_what_is_not_a_solution_is_refused(tmp_path: Path, change: dict[str, Any], place: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps({**solved().to_dict(), **change}))
    with pytest.raises(InputError) as caught:
        Solution.read(path)
    assert any(finding.place.startswith(place) for finding in caught.value.findings)


@pytest.mark.parametrize("key", ["status", "plan", "instance_sha256", "format"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    data = solved().to_dict()
    del data[key]
    path = tmp_path / "s.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=key):
        Solution.read(path)

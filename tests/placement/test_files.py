"""Imported and drawn instances, shipped files, and the table of a plan."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

import edgeopt
from edgeopt.placement.generator import generate
from edgeopt.placement.importers import read_sukp
from tests.cli.program import run

SHIPPED = Path(__file__).parents[2] / "instances" / "placement"
COMMANDS = re.findall(r"^edgeopt (generate placement .*)$", (SHIPPED / "README.md").read_text(), re.M)
TEXT = """a line of words

m=3    n=2    knapsack size=10
The profit of 3 items
5 6 7
The weight of 2 elements
4 8
Relation matrix
1 0
0 1
1 1
"""


def test_imports_a_set_union_knapsack(tmp_path: Path) -> None:
    file = tmp_path / "small.txt"
    file.write_text(TEXT)
    instance = read_sukp(file)
    assert instance.library.blocks == {"element1": 4, "element2": 8}
    assert [model.blocks for model in instance.library.models.values()] == [
        ["element1"],
        ["element2"],
        ["element1", "element2"],
    ]
    assert edgeopt.solve(instance, "branch-and-bound", threads=1).objective == 6


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("m=3", "rows=3", "no header"),
        ("5 6 7", "5 6", "10 numbers after the header, where m=3 and n=2 need 11"),
        ("1 1\n", "1 2\n", "row 3 of the matrix"),
        ("4 8", "4 8.5", "not whole numbers"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "broken.txt"
    file.write_text(TEXT.replace(old, new))
    with pytest.raises(edgeopt.InputError, match=said):
        read_sukp(file)


def test_set_union_recipe() -> None:
    instance = generate("set-union", 100, elements=90, density=0.2, storage_fraction=0.6, seed=4)
    sizes = list(instance.library.blocks.values())
    assert (len(instance.library.models), len(sizes), len(instance.nodes)) == (100, 90, 1)
    assert all(1 <= size <= 500 for size in sizes)
    assert all(1 <= row.weight <= 500 for row in instance.demand)
    assert instance.nodes["knapsack"].storage_bytes == int(0.6 * sum(sizes))
    assert 0.17 < sum(len(model.blocks) for model in instance.library.models.values()) / 9000 < 0.23


def test_drawn_instances_repeat_and_are_hit_ratios() -> None:
    instance = generate(seed=7)
    assert instance.to_dict() == generate(seed=7).to_dict()
    assert instance.to_dict() != generate(seed=8).to_dict()
    assert len(instance.demand) == 370
    assert sum(row.weight for row in instance.demand) <= 1
    assert {len(row.nodes) for row in instance.demand} >= {0, 1, 2}


@pytest.mark.parametrize("options", [{"models": 0}, {"nodes": 0}, {"storage_fraction": -1}, {"users": -1}])
def test_refuses_impossible_sizes(options: dict[str, int]) -> None:
    with pytest.raises(edgeopt.UsageError):
        generate(**options)


@pytest.mark.parametrize("command", COMMANDS)
def test_shipped_files_are_made_again(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = shlex.split(command)
    shipped = SHIPPED.parents[1] / arguments[-1]
    (tmp_path / "instances" / "placement").mkdir(parents=True)
    shutil.copytree(SHIPPED.parent / "libraries", tmp_path / "instances" / "libraries")
    monkeypatch.chdir(tmp_path)
    run(*arguments)
    assert (tmp_path / arguments[-1]).read_bytes() == shipped.read_bytes()


def test_every_shipped_file_has_a_command() -> None:
    assert {shlex.split(command)[-1] for command in COMMANDS} | {"instances/placement/tiny.json"} == {
        f"instances/placement/{path.name}" for path in SHIPPED.glob("*.json")
    }


def test_table_and_picture_of_a_plan() -> None:
    instance = edgeopt.read(SHIPPED / "tiny.json")
    solution = edgeopt.solve(instance, "greedy")
    frame = solution.to_frame().set_index(["node", "model"])
    assert frame["exclusive_weight"].sum() <= solution.objective <= frame["hit_weight"].sum()
    west = frame.loc["west"]
    assert west["size_bytes"].sum() - west["shared_bytes"].sum() <= 105
    assert (west["shared_bytes"] == 60).all()
    labels = [text.get_text() for text in solution.plot().axes[0].get_yticklabels()]
    assert labels == ["west", "east"]

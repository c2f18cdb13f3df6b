"""Disks that deliver to everybody: nodes with their storage, and the requests of a log."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeopt
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.placement.generator import generate
from tests.cli.program import run


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A library of three models, and a log that names one of them otherwise."""
    library = ModelLibrary(
        name="box",
        blocks={"a": 60, "b": 50, "c": 40},
        models={name: Model(blocks=[name]) for name in ("a", "b", "c")},
    )
    library.write(tmp_path / "box.json")
    (tmp_path / "log.csv").write_text("model\n" + "a\n" * 5 + "bee\n" * 4 + "c\n" * 3)
    return tmp_path / "box.json", tmp_path / "log.csv"


def test_weights_are_requests_and_each_node_delivers(files: tuple[Path, Path]) -> None:
    library, log = files
    instance = generate(library=library, requests=log, rename=["bee=b"], node=["left=90B", "right=0.06kB"])
    assert {name: node.storage_bytes for name, node in instance.nodes.items()} == {"left": 90, "right": 60}
    rows = [(row.model, row.weight, list(row.nodes)) for row in instance.demand]
    assert rows == [("a", 5, ["left", "right"]), ("b", 4, ["left", "right"]), ("c", 3, ["left", "right"])]
    solution = edgeopt.solve(instance, threads=1)
    assert solution.status == "optimal"
    assert solution.objective == 12  # b and c on the left, a on the right


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--requests", "log.csv", "--node", "a=9B"], "need the library"),
        (["--library", "box.json", "--requests", "log.csv"], "nodes with their storage"),
        (["--library", "box.json", "--node", "a=9B"], "--node: it needs 'requests'"),
        (["--library", "box.json", "--requests", "log.csv", "--node", "9B"], "'9B' is no node with its storage"),
        (["--library", "box.json", "--requests", "log.csv", "--node", "a=much"], "'much' is not a size"),
        (["--library", "box.json", "--requests", "log.csv", "--node", "a=9", "--node", "a=8"], "stands twice"),
        (["--library", "box.json", "--requests", "log.csv", "--node", "a=9"], "--rename bee=MODEL"),
        (["--library", "box.json", "--requests", "no.csv", "--node", "a=9"], "no such file"),
    ],
)
def test_what_cannot_be_meant_is_one_error(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(files[0].parent)
    code, _, err = run("generate", "placement", *arguments, "-o", "out.json")
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not Path("out.json").exists()


def test_a_library_of_what_no_disk_shares_is_remarked_on(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files[0].parent)
    ModelLibrary.read("box.json").replace(shared_by="lora").write("box.json")
    options = ("--library", "box.json", "--requests", "log.csv", "--rename", "bee=b", "--node", "a=200GB")
    code, _, err = run("generate", "placement", *options, "-o", "out.json")
    assert code == 0
    assert "shared by lora, which no disk shares" in err
    assert edgeopt.read("out.json").nodes["a"].storage_bytes == 200 * 10**9

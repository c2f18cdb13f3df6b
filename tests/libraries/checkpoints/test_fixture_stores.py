"""Stores made by the programs that keep them, and the libraries that their maker wrote down; skipped where not here.

The comparison is of bytes per model and per set of models, whatever blocks are called.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from edgeopt.libraries.library import ModelLibrary
from tests.cli.program import run

ROOT = Path(__file__).parents[3]
FIXTURES = Path(os.environ.get("EDGEOPT_FIXTURES", ROOT.parent / "shared" / "fixtures")) / "machine"
CASES: list[dict[str, Any]] = (
    json.loads((FIXTURES / "expected.json").read_text())["cases"] if (FIXTURES / "expected.json").exists() else []
)


def canonical(library: ModelLibrary) -> dict[str, Any]:
    """Return the bytes of each model, and of each set of models that shares some."""
    holders: dict[str, set[str]] = defaultdict(set)
    for name, model in library.models.items():
        for block in model.blocks:
            holders[block].add(name)
    atoms: dict[str, int] = defaultdict(int)
    for block, names in holders.items():
        atoms[" & ".join(sorted(names))] += library.blocks[block]
    sizes = {name: library.size_bytes(name) for name in sorted(library.models)}
    return {
        "models": sizes,
        "total_bytes": sum(sizes.values()),
        "unique_bytes": sum(atoms.values()),
        "atoms": {names: size for names, size in sorted(atoms.items()) if size},
    }


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    with tarfile.open(FIXTURES / "stores.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "stores"


@pytest.mark.skipif(not CASES, reason="the stores are not here")
@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join([*case["paths"], *case["args"]]))
def test_store(case: dict[str, Any], stores: Path, tmp_path: Path) -> None:
    paths = [stores / path for path in case["paths"]]
    arguments = ("library", "scan", *paths, *case["args"], "--cache", tmp_path / "c.json", "-o", tmp_path / "l.json")
    code, out, err = run(*arguments)
    assert code == case.get("exit", 0), err
    assert case.get("says", "") in out + err
    if "expected" in case:
        library = ModelLibrary.read(tmp_path / "l.json")
        assert library.shared_by == case["args"][case["args"].index("--shared-by") + 1]
        assert canonical(library) == case["expected"]
        for name, source in case.get("sources", {}).items():
            assert library.models[name].source == source

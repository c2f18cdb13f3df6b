"""Drawn stores against a truth that is kept while files are made and knows nothing of how a scan works."""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from edgeopt.libraries.checkpoints import scan
from edgeopt.libraries.library import ModelLibrary
from tests.libraries.checkpoints.stores import values

POOL = [{f"t{n}": values(f"pool{n % 4}", 1 + n % 3, 3), f"u{n}": values(f"own{n}", n)} for n in range(5)]
FILES = [save(tensors) for tensors in POOL]
Truth = dict[str, list[list[tuple[int, Any]]]]  # of each model two groups, base and adapter, of (pool, file on disk)


def atoms(held: dict[str, dict[Any, int]]) -> dict[frozenset[str], int]:
    """Return the bytes that each set of models holds together."""
    holders: dict[Any, set[str]] = defaultdict(set)
    sizes: dict[Any, int] = {}
    for model, parts in held.items():
        for key, size in parts.items():
            holders[key].add(model)
            sizes[key] = size
    found: dict[frozenset[str], int] = defaultdict(int)
    for key, models in holders.items():
        found[frozenset(models)] += sizes[key]
    return {models: size for models, size in found.items() if size}


def expected(truth: Truth, way: str) -> dict[frozenset[str], int]:
    held: dict[str, dict[Any, int]] = {}
    for model, groups in truth.items():
        files = [{file: len(FILES[pool]) for pool, file in group} for group in groups]
        if way == "content":
            arrays = [array for group in groups for pool, _ in group for array in POOL[pool].values()]
            held[model] = {(array.shape, array.tobytes()): array.nbytes for array in arrays}
        elif way == "store":
            held[model] = files[0] | files[1]
        elif way == "lora":
            base, adapter = map(frozenset, files)
            held[model] = {base: sum(files[0].values())}
            if adapter:
                held[model][base, adapter] = sum(files[1].values())
        else:
            held[model] = {model: sum((files[0] | files[1]).values())}
    return atoms(held)


def found_atoms(library: ModelLibrary) -> dict[frozenset[str], int]:
    sizes = {name: {block: library.blocks[block] for block in model.blocks} for name, model in library.models.items()}
    return atoms(sizes)


class Maker:
    """Puts files in place, each new, a hard link, or a link to one of the same content."""

    def __init__(self) -> None:
        self.files = defaultdict[int, list[Path]](list)

    def put(self, path: Path, pool: int, how: str) -> tuple[int, tuple[int, int]]:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = self.files[pool]
        if not known or how == "new":
            path.write_bytes(FILES[pool])
        elif how == "hard":
            os.link(known[-1], path)
        else:
            path.symlink_to(os.path.relpath(os.path.realpath(known[-1]), os.path.realpath(path.parent)))
        known.append(path)
        status = path.stat()
        return pool, (status.st_dev, status.st_ino)

    def remove(self, folder: Path) -> None:
        """Remove a folder of links."""
        shutil.rmtree(folder)
        for pool, known in self.files.items():
            self.files[pool] = [path for path in known if path.exists()]


HOW = st.sampled_from(["new", "hard", "soft"])
PARTS = st.lists(st.tuples(st.integers(0, 4), HOW), min_size=1, max_size=3, unique_by=lambda part: part[0])


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    bases=st.lists(PARTS, min_size=1, max_size=4),
    adapters=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), HOW), max_size=3),
)
def test_drawn_files(bases: list[Any], adapters: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("drawn")
    maker, truth, seen = Maker(), {}, set()
    for number, parts in enumerate(bases):
        folder, files, names = root / f"b{number}", [], []
        for index, (pool, how) in enumerate(parts):
            names.append(f"part{index}.safetensors")
            files.append(maker.put(folder / names[-1], pool, how))
        real = tuple(sorted(os.path.realpath(folder / name) for name in names))
        if real in seen:  # the same files by links are the same model
            maker.remove(folder)
            continue
        seen.add(real)
        tensors = {tensor: name for (pool, _), name in zip(parts, names, strict=True) for tensor in POOL[pool]}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": tensors}))
        truth[f"b{number}"] = [files, []]
    held = list(truth)
    for number, (base, pool, how) in enumerate(adapters):
        under = held[base % len(held)]
        folder = root / f"a{number}"
        file = maker.put(folder / "adapter_model.safetensors", pool, how)
        key = (os.path.realpath(folder / "adapter_model.safetensors"), under)
        if key in seen:
            maker.remove(folder)
            continue
        seen.add(key)
        (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": f"../{under}"}))
        truth[f"a{number}"] = [truth[under][0], [file]]
    for way in ("content", "store", "lora", "nobody"):
        library = scan([root], shared_by=way).library  # type: ignore[arg-type]
        assert set(library.models) == set(truth)
        assert found_atoms(library) == expected(truth, way)
        assert library.summary().unique_bytes == sum(expected(truth, way).values())

"""A scan shares what is the same bytes, and nothing else; libraries are compared with the arrays that were written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.libraries.checkpoints import Scan, scan
from tests.libraries.checkpoints.files import (
    Tensors,
    fine_tuned,
    network,
    raw,
    size,
    write,
    write_adapter,
    write_sharded,
)


def identities(tensors: Tensors) -> dict[tuple[Any, ...], int]:
    """Distinct tensors by type, shape and bytes, and their sizes: what the scan has to find, by brute force."""
    return {(str(array.dtype), array.shape, array.tobytes()): array.nbytes for array in tensors.values()}


def require_exact(found: Scan, models: Mapping[str, Tensors], shares_all: bool = True) -> None:
    """Sizes of models, and of what any two of them share, are those of the arrays."""
    library = found.library
    assert set(library.models) == set(models)
    expected = {name: identities(tensors) for name, tensors in models.items()}
    for name, tensors in expected.items():
        assert library.size_bytes(name) == sum(tensors.values())
    for first, second in combinations(models, 2):
        common = expected[first].keys() & expected[second].keys()
        both = set(library.models[first].blocks) & set(library.models[second].blocks)
        shared = sum(library.blocks[block] for block in both)
        assert shared <= sum(expected[first][key] for key in common)
        if shares_all:
            assert shared == sum(expected[first][key] for key in common)
    require_traced(found, models)


def require_traced(found: Scan, models: Mapping[str, Tensors]) -> None:
    """Each tensor is in one block of its model, and tensors of one block of two models have equal contents."""
    blocks: dict[str, dict[str, dict[str, int]]] = {}
    for name, entry in found.trace["models"].items():
        seen: dict[str, dict[str, int]] = {}
        for tensor, traced in entry["tensors"].items():
            array = models[name][tensor]
            assert traced["shape"] == list(array.shape)
            assert traced["sha256"] == hashlib.sha256(array.tobytes()).hexdigest()
            if array.nbytes:
                key = json.dumps([traced["dtype"], traced["shape"], traced["sha256"]])
                seen.setdefault(traced["block"], {})[key] = array.nbytes
            else:
                assert traced["block"] is None
        for block, contents in seen.items():
            assert sum(contents.values()) == found.library.blocks[block]
            assert blocks.setdefault(block, {name: contents}).get(name, contents) == contents
            assert all(other == contents for other in blocks[block].values())
        assert set(seen) <= set(found.library.models[name].blocks)


@pytest.fixture
def family(tmp_path: Path) -> dict[str, Tensors]:
    """A base and fine-tunes with frozen prefixes, written side by side."""
    base = network(0)
    models = {"base": base, **{f"tuned{n}": fine_tuned(base, n, seed=n + 1) for n in (1, 2, 3)}}
    models["again"] = fine_tuned(base, 2, seed=9)
    for name, tensors in models.items():
        write(tmp_path / name, tensors)
    return models


def test_frozen_prefixes(tmp_path: Path, family: dict[str, Tensors]) -> None:
    found = scan([tmp_path], threads=2)
    require_exact(found, family)
    summary = found.library.summary()
    assert (summary.models, summary.structure) == (5, "tree")
    assert summary.blocks == summary.atoms == 8  # three prefixes, five own parts
    assert found.notices == []
    assert found.file_bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("seed", range(40))
def test_drawn_checkpoints(tmp_path: Path, seed: int) -> None:
    """Tensors out of a small pool, so that models share in all ways, also within themselves, under any names."""
    generator = np.random.default_rng(seed)
    dtypes = (np.float32, np.int32, np.float16, np.int8)
    shapes = ((2,), (1, 2), (4,), (0, 2), ())
    pool = [
        np.full(shapes[generator.integers(len(shapes))], generator.integers(2), dtypes[generator.integers(4)])
        for _ in range(12)
    ]
    models: dict[str, Tensors] = {}
    for number in range(int(generator.integers(1, 6))):
        picked = generator.integers(len(pool), size=generator.integers(1, 9))
        models[f"m{number}"] = {f"layer.{index % 4}.{index}": pool[pick] for index, pick in enumerate(picked)}
        write(tmp_path / f"m{number}", models[f"m{number}"])
    require_exact(scan([tmp_path], threads=3), models)
    by_layer = scan([tmp_path], group_by="layer")
    require_exact(by_layer, models)
    assert len(by_layer.library.atoms()) == len(scan([tmp_path]).library.blocks)
    least = int(generator.integers(1, 20))
    for group in (None, "layer"):
        grouped = scan([tmp_path], group_by=group, min_block_bytes=least)  # type: ignore[arg-type]
        require_exact(grouped, models, shares_all=False)
        sharing = grouped.library.sharing
        assert all(atom.size_bytes >= least for atom in sharing.atoms if len(atom.models) > 1)
        own = {block for atom in sharing.atoms if len(atom.models) == 1 for block in atom.blocks}
        assert all(bytes_ >= least for block, bytes_ in grouped.library.blocks.items() if block not in own)


@pytest.mark.parametrize("bit", [0, 1, 4095, 8191])
def test_one_flipped_bit(tmp_path: Path, bit: int) -> None:
    tensors: Tensors = {"a": np.zeros(1024, np.uint8), "b": np.ones(8, np.uint8)}
    other = {name: array.copy() for name, array in tensors.items()}
    other["a"][bit // 8] ^= 1 << (bit % 8)
    write(tmp_path / "one", tensors)
    write(tmp_path / "two", other)
    found = scan([tmp_path])
    require_exact(found, {"one": tensors, "two": other})
    assert found.library.summary().unique_bytes == 2 * 1024 + 8


def test_type_and_shape_belong_to_the_identity(tmp_path: Path) -> None:
    models: dict[str, Tensors] = {
        "singles": {"t": np.zeros(6, np.float32)},
        "wholes": {"t": np.zeros(6, np.int32)},
        "matrix": {"t": np.zeros((2, 3), np.float32)},
        "transposed": {"t": np.zeros((3, 2), np.float32)},
        "renamed": {"u": np.zeros(6, np.float32)},
    }
    for name, tensors in models.items():
        write(tmp_path / name, tensors)
    found = scan([tmp_path])
    require_exact(found, models)
    assert [atom.models for atom in found.library.atoms() if len(atom.models) > 1] == [("renamed", "singles")]


def test_tied_weights_count_once(tmp_path: Path) -> None:
    tied = np.arange(64, dtype=np.float32)
    models: dict[str, Tensors] = {
        "tied": {"embed.weight": tied, "head.weight": tied.copy(), "norm": np.ones(2)},
        "single": {"embed.weight": tied},
    }
    for name, tensors in models.items():
        write(tmp_path / name, tensors)
    found = scan([tmp_path])
    require_exact(found, models)
    assert found.library.size_bytes("tied") == tied.nbytes + 16
    entries = found.trace["models"]["tied"]["tensors"]
    assert entries["embed.weight"]["block"] == entries["head.weight"]["block"]


def test_two_names_for_the_same_bytes_of_a_file_are_refused(tmp_path: Path) -> None:
    entry = {"dtype": "I8", "shape": [4], "data_offsets": [0, 4]}
    raw(tmp_path / "a.safetensors", {"x": entry, "y": entry}, bytes(4))
    with pytest.raises(InputError, match="overlaps"):
        scan([tmp_path])


def test_tensors_larger_than_buffer_and_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeopt.libraries.checkpoints.hashing.BUFFER_BYTES", 7)
    monkeypatch.setattr("edgeopt.libraries.checkpoints.hashing.JOB_BYTES", 300)
    models = {"one": network(1), "two": fine_tuned(network(1), 3, seed=2), "three": {"e": np.zeros((0, 2))}}
    for name, tensors in models.items():
        write(tmp_path / name, tensors)
    seen: list[tuple[int, int]] = []
    require_exact(scan([tmp_path], threads=3, progress=lambda done, total: seen.append((done, total))), models)
    total = sum(size(tensors) for tensors in models.values())
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)
    assert {whole for _, whole in seen} == {total}


class TestSharded:
    def test_sharded_and_whole_are_the_same_model(self, tmp_path: Path) -> None:
        tensors = network(1)
        halves = [dict(list(tensors.items())[:5]), dict(list(tensors.items())[5:])]
        index = write_sharded(tmp_path / "sharded", *halves)
        write(tmp_path / "whole", tensors)
        found = scan([tmp_path])
        require_exact(found, {"sharded": tensors, "whole": tensors})
        assert found.library.summary().saving == 0.5
        assert list(scan([index]).library.models) == ["sharded"]

    def test_a_shard_stands_for_its_checkpoint(self, tmp_path: Path) -> None:
        index = write_sharded(tmp_path / "s", {"a": np.ones(3)}, {"b": np.zeros(3)})
        found = scan(sorted(index.parent.glob("*.safetensors")))
        assert list(found.library.models) == ["s"]
        assert found.library.size_bytes("s") == 48

    def test_missing_shard(self, tmp_path: Path) -> None:
        index = write_sharded(tmp_path / "part", {"a": np.ones(3)}, {"b": np.zeros(3)})
        (index.parent / "model-00002-of-00002.safetensors").unlink()
        told = f"{index}: 1 of 2 shards are missing: left out"
        with pytest.raises(InputError, match="nothing is left") as caught:
            scan([tmp_path])
        assert told in str(caught.value)
        write(tmp_path / "whole", {"a": np.ones(3)})
        found = scan([tmp_path])
        assert (list(found.library.models), found.notices) == (["whole"], [told])

    def test_shards_without_an_index_are_one_model(self, tmp_path: Path) -> None:
        write_sharded(tmp_path / "s", {"a": np.ones(3)}, {"b": np.zeros(3)}).unlink()
        found = scan([tmp_path])
        assert [found.library.size_bytes(name) for name in found.library.models] == [48]
        (tmp_path / "s" / "model-00001-of-00002.safetensors").unlink()
        with pytest.raises(InputError, match="1 of 2 shards are missing: left out"):
            scan([tmp_path])

    def test_what_an_index_lists_is_no_model_in_a_subfolder_either(self, tmp_path: Path) -> None:
        write(tmp_path / "deep" / "er", {"a": np.ones(3)}, "x.safetensors")
        index = tmp_path / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": {"a": "deep/er/x.safetensors"}}))
        found = scan([tmp_path])
        assert [found.library.size_bytes(name) for name in found.library.models] == [24]

    @pytest.mark.parametrize(
        ("weight_map", "words"),
        [
            (None, "not empty"),
            ({}, "not empty"),
            ({"a": 3}, "not 3"),
            ({"a": "model.bin"}, "not 'model.bin'"),
            ({"a": "../x.safetensors"}, "does not lie in the folder"),
            ({"a": "/etc/x.safetensors"}, "does not lie in the folder"),
            ({"a": "x.safetensors"}, "also holds 'b'"),
            ({"a": "x.safetensors", "b": "x.safetensors", "c": "x.safetensors"}, "does not hold 'c'"),
        ],
    )
    def test_bad_index(self, tmp_path: Path, weight_map: Any, words: str) -> None:
        write(tmp_path, {"a": np.ones(3), "b": np.ones(2)}, "x.safetensors")
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(InputError, match=words):
            scan([tmp_path])


class TestAdapters:
    def test_base_and_adapters(self, tmp_path: Path) -> None:
        base = network(0)
        write(tmp_path / "owner" / "base", base)
        for number in range(3):
            write_adapter(tmp_path / f"lora{number}", "owner/base", seed=number)
        found = scan([tmp_path])
        library = found.library
        assert found.notices == [f"adapter 'lora{number}' is on the base 'base'" for number in range(3)]
        assert library.summary().structure == "backbone"
        assert library.size_bytes("base") == size(base)
        adapter_bytes = 4 * (2 * 16 * 2) * 4
        for number in range(3):
            assert library.size_bytes(f"lora{number}") == size(base) + adapter_bytes
            assert found.trace["models"][f"lora{number}"]["base"] == "base"
        assert library.summary().unique_bytes == size(base) + 3 * adapter_bytes

    def test_without_its_base_an_adapter_stands_alone(self, tmp_path: Path) -> None:
        write(tmp_path / "other", network(0))
        write_adapter(tmp_path / "lora", "owner/base", seed=1)
        write_adapter(tmp_path / "nameless", None, seed=2)
        found = scan([tmp_path])
        assert found.library.size_bytes("lora") == 1024
        assert found.library.summary().structure == "none"
        assert "its base 'owner/base' is not among" in found.notices[0]
        assert "'nameless' stands alone" in found.notices[1]

    @pytest.mark.parametrize("where", ["../base", "absolute", "../base/model.safetensors"])
    def test_base_by_path(self, tmp_path: Path, where: str) -> None:
        write(tmp_path / "base", network(0))
        write(tmp_path / "deeper" / "base", network(5))
        base = str(tmp_path / "base") if where == "absolute" else where
        write_adapter(tmp_path / "lora", base, seed=1)
        found = scan([tmp_path])
        (model,) = [name for name in found.library.models if name.endswith(f"{tmp_path.name}/base")]
        assert found.notices == [f"adapter 'lora' is on the base {model!r}"]

    def test_owner_tells_two_bases_apart(self, tmp_path: Path) -> None:
        write(tmp_path / "one" / "base", network(0))
        write(tmp_path / "models--two--base" / "snapshots" / "0af3", network(1))
        write_adapter(tmp_path / "lora", "two/base", seed=1)
        found = scan([tmp_path])
        assert found.trace["models"]["lora"]["base"] == "two/base"

    def test_ambiguous_base(self, tmp_path: Path) -> None:
        write(tmp_path / "one" / "base", network(0))
        write(tmp_path / "two" / "base", network(1))
        write_adapter(tmp_path / "lora", "three/base", seed=1)
        with pytest.raises(InputError, match="--base lora=one/base"):
            scan([tmp_path])
        found = scan([tmp_path], bases={"lora": "two/base"})
        assert found.trace["models"]["lora"]["base"] == "two/base"

    @pytest.mark.parametrize(("bases", "words"), [({"x": "base"}, "no adapter 'x'"), ({"lora": "x"}, "no base model")])
    def test_unknown_names(self, tmp_path: Path, bases: dict[str, str], words: str) -> None:
        write(tmp_path / "base", network(0))
        write_adapter(tmp_path / "lora", "base", seed=1)
        with pytest.raises(UsageError, match=words):
            scan([tmp_path], bases=bases)

    def test_adapter_of_another_network(self, tmp_path: Path) -> None:
        write(tmp_path / "base", network(0))
        write_adapter(tmp_path / "lora", "base", seed=1, width=24)
        with pytest.raises(InputError, match="does not fit its base 'base'"):
            scan([tmp_path])

    @pytest.mark.parametrize("config", ["[]", '{"base_model_name_or_path": 3}'])
    def test_bad_configuration(self, tmp_path: Path, config: str) -> None:
        write_adapter(tmp_path / "lora", "base", seed=1)
        (tmp_path / "lora" / "adapter_config.json").write_text(config)
        with pytest.raises(InputError, match="should be the name or path"):
            scan([tmp_path])


class TestPaths:
    def test_the_same_file_twice(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a", network(0))
        (tmp_path / "link.safetensors").symlink_to(path)
        (tmp_path / "folder").symlink_to(path.parent, target_is_directory=True)
        (path.parent / "loop").symlink_to(tmp_path, target_is_directory=True)
        found = scan([path, path, tmp_path / "link.safetensors", tmp_path])
        assert list(found.library.models) == ["a"]
        assert found.files == 1
        assert all("counted once" in notice for notice in found.notices)

    def test_copies_are_models_of_their_own(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a", network(0))
        shutil.copytree(path.parent, tmp_path / "b")
        found = scan([tmp_path])
        require_exact(found, {"a": network(0), "b": network(0)})
        assert found.library.summary().unique_bytes == size(network(0))

    def test_hub_folders(self, tmp_path: Path) -> None:
        for owner in ("one", "two"):
            folder = tmp_path / f"models--{owner}--net"
            blob = write(folder / "blobs", network(0), "0123")
            snapshot = folder / "snapshots" / "abc"
            snapshot.mkdir(parents=True)
            (snapshot / "model.safetensors").symlink_to(os.path.relpath(blob, snapshot))
        assert set(scan([tmp_path]).library.models) == {"one/net", "two/net"}

    def test_names_are_told_apart(self, tmp_path: Path) -> None:
        for number, place in enumerate(["x/net", "y/net", "y/other"]):
            write(tmp_path / place, network(number))
        write(tmp_path / "y" / "net", network(7), "pytorch_model.safetensors")
        write(tmp_path / "y", network(8), "single.safetensors")
        names = set(scan([tmp_path]).library.models)
        own = {"net/model.safetensors", "net/pytorch_model.safetensors"}
        assert names == {"net", "other", "single"} | own

    @pytest.mark.parametrize("place", ["missing", "empty", "text.txt", "broken.safetensors"])
    def test_no_checkpoint(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "text.txt").write_text("text")
        (tmp_path / "broken.safetensors").symlink_to(tmp_path / "nowhere")
        with pytest.raises(InputError, match=r"there is no|cannot be read"):
            scan([tmp_path / place])

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_pipes_are_left_out(self, tmp_path: Path) -> None:
        write(tmp_path / "a", network(0))
        os.mkfifo(tmp_path / "pipe.safetensors")
        (tmp_path / "link.safetensors").symlink_to(tmp_path / "pipe.safetensors")
        assert list(scan([tmp_path]).library.models) == ["a"]
        for place in ("pipe", "link"):
            with pytest.raises(InputError, match="there is no checkpoint"):
                scan([tmp_path / f"{place}.safetensors"])


class TestIgnored:
    def test_patterns(self, tmp_path: Path) -> None:
        tensors = network(0)
        write(tmp_path / "a", tensors)
        found = scan([tmp_path], ignore=["*.bias", "head.*"])
        kept = {name: array for name, array in tensors.items() if not name.endswith("bias") and name != "head.weight"}
        require_exact(found, {"a": kept})

    def test_nothing_left(self, tmp_path: Path) -> None:
        write(tmp_path / "a", network(0))
        with pytest.raises(InputError, match="ignore less"):
            scan([tmp_path], ignore=["*"])
        raw(tmp_path / "a" / "model.safetensors", {})
        with pytest.raises(InputError, match="leave this file out"):
            scan([tmp_path])


def test_layers(tmp_path: Path) -> None:
    base = network(0, layers=12)
    write(tmp_path / "base", base)
    write(tmp_path / "tuned", base | {"head.weight": network(1)["head.weight"]})
    blocks = list(scan([tmp_path], group_by="layer").library.blocks)
    assert blocks == [
        "base/shared-by-2/embed",
        *(f"base/shared-by-2/layers.{layer}" for layer in range(12)),
        "base/own/head",
        "tuned/own/head",
    ]
    layer_bytes = 4 * (16 * 16 + 16)
    pairs = scan([tmp_path], group_by="layer", min_block_bytes=2 * layer_bytes).library.blocks
    shared = {name.removeprefix("base/shared-by-2/"): bytes_ for name, bytes_ in pairs.items() if "shared" in name}
    assert list(shared) == [
        "embed..layers.0",
        *(f"layers.{n}..layers.{n + 1}" for n in (1, 3, 5, 7)),
        "layers.9..layers.11",
    ]
    assert sum(shared.values()) == size(base) - base["head.weight"].nbytes

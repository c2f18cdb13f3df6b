"""Files in folders: GGUF models, shards, projectors and adapters, and files that several names lead to."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.libraries.checkpoints import scan
from tests.libraries.checkpoints.files import network, write, write_adapter
from tests.libraries.checkpoints.stores import Hub, Ollama, values, weights, write_gguf

ADAPTER = (("string", "general.type", "adapter"), ("string", "adapter.type", "lora"))


def model(path: Path, word: str, **more: object) -> Path:
    return write_gguf(path, {"t": values(word, 8, 8)}, **more)  # type: ignore[arg-type]


def sizes(folder: Path, shared_by: str = "store", **options: object) -> tuple[dict[str, int], int]:
    """Return the bytes of each model, and those of all blocks."""
    library = scan([folder], shared_by=shared_by, **options).library  # type: ignore[arg-type]
    return {name: library.size_bytes(name) for name in library.models}, library.union_bytes(library.models)


def bytes_of(*paths: Path) -> int:
    return sum(path.stat().st_size for path in paths)


class TestGguf:
    def test_the_only_projector_belongs_to_each_model(self, tmp_path: Path) -> None:
        one, two = model(tmp_path / "a-Q4.gguf", "a"), model(tmp_path / "a-Q8.gguf", "b")
        eye = model(tmp_path / "mmproj-F16.gguf", "eye")
        model(tmp_path / "law.gguf", "law", fields=ADAPTER)
        expected = {"a-Q4": bytes_of(one, eye), "a-Q8": bytes_of(two, eye), "law": bytes_of(tmp_path / "law.gguf")}
        assert sizes(tmp_path)[0] == expected
        assert sizes(tmp_path)[1] == bytes_of(*tmp_path.iterdir())
        assert sizes(tmp_path, "lora")[1] == sum(expected.values())
        assert list(scan([one]).library.models) == ["a-Q4"]
        assert sizes(one)[0] == {"a-Q4": bytes_of(one, eye)}

    def test_projectors_are_models_when_there_are_several_or_no_model(self, tmp_path: Path) -> None:
        for name in ("both/mmproj-a.gguf", "both/mmproj-b.gguf", "both/x.gguf", "alone/mmproj.gguf"):
            model(tmp_path / name, name)
        told = (("string", "general.type", "mmproj"),)
        one, eye = model(tmp_path / "other/y.gguf", "y"), model(tmp_path / "other/y-eye.gguf", "e", fields=told)
        found = sizes(tmp_path)[0]
        assert set(found) == {"mmproj-a", "mmproj-b", "x", "mmproj", "y"}
        assert found["y"] == bytes_of(one, eye)

    def test_shards(self, tmp_path: Path) -> None:
        paths = [model(tmp_path / f"big-F16-0000{n}-of-00003.gguf", f"big{n}") for n in (1, 2, 3)]
        assert sizes(tmp_path) == ({"big-F16": bytes_of(*paths)},) * 1 + (bytes_of(*paths),)
        assert sizes(paths[1])[0] == {"big-F16": bytes_of(*paths)}
        (tmp_path / "big-F16-00004-of-00003.gguf").write_bytes(paths[0].read_bytes())
        assert list(sizes(tmp_path)[0]) == ["big-F16"]
        paths[0].unlink()
        with pytest.raises(InputError, match="1 of 3 shards are missing: left out"):
            scan([tmp_path])
        model(tmp_path / "x.gguf", "x")
        found = scan([tmp_path])
        assert (list(found.library.models), len(found.notices)) == (["x"], 1)

    def test_other_types_are_left_out(self, tmp_path: Path) -> None:
        model(tmp_path / "x.gguf", "x", fields=(("string", "general.type", "model"),))
        model(tmp_path / "x-imatrix.gguf", "i", fields=(("string", "general.type", "imatrix"),))
        found = scan([tmp_path])
        assert list(found.library.models) == ["x"]
        assert found.notices == [f"{tmp_path}/x-imatrix.gguf: it is no model, but of the type 'imatrix': left out"]

    def test_a_shard_of_none_is_a_model(self, tmp_path: Path) -> None:
        model(tmp_path / "x-00001-of-00000.gguf", "x")
        assert len(sizes(tmp_path)[0]) == 1

    @pytest.mark.parametrize("shared_by", ["content", "store", "lora", "nobody"])
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "does not begin with 'GGUF'"),
            (b"GGUF", "cut off"),
            (b"GGUF\3\0\0\0" + bytes(15), "cut off"),
            (b"GGUF\0\0\0\3" + bytes(16), "big-endian"),
            (b"GGUF\1\0\0\0" + bytes(16), "version 1"),
        ],
    )
    def test_broken_files(self, tmp_path: Path, content: bytes, told: str, shared_by: str) -> None:
        model(tmp_path / "good.gguf", "x")
        (tmp_path / "broken.gguf").write_bytes(content)
        with pytest.raises(InputError, match=told) as caught:
            scan([tmp_path], shared_by=shared_by)  # type: ignore[arg-type]
        assert caught.value.file == str(tmp_path / "broken.gguf")

    def test_a_cache_by_layers_of_their_own(self, tmp_path: Path) -> None:
        fields = (
            ("uint32", "llama.block_count", 3),
            ("uint32", "llama.attention.head_count", 8),
            ("array", "llama.attention.head_count_kv", [4, 0, 2]),
            ("uint32", "llama.attention.key_length", 32),
            ("uint32", "llama.attention.value_length", 16),
        )
        model(tmp_path / "a.gguf", "a", fields=fields)
        model(tmp_path / "b.gguf", "b", fields=fields[1:])
        models = scan([tmp_path], shared_by="nobody").library.models
        assert (models["a"].cache_bytes_per_token, models["b"].cache_bytes_per_token) == ((4 + 2) * 48 * 2, None)


class TestAdapters:
    def test_base_by_organization_and_name(self, tmp_path: Path) -> None:
        told = (
            *ADAPTER,
            ("string", "general.base_model.0.organization", "acme"),
            ("string", "general.base_model.0.name", "tiny"),
        )
        base = model(tmp_path / "acme" / "tiny.gguf", "a")
        law = model(tmp_path / "law.gguf", "law", fields=told)
        write(tmp_path / "beta" / "acme" / "tiny", network(0))
        library = scan([tmp_path], shared_by="lora").library
        assert library.models[library.models["law"].base or ""].source == f"file://{base}"
        assert library.size_bytes("law") == bytes_of(base, law)
        assert len(library.blocks) == 3

    def test_ranks(self, tmp_path: Path) -> None:
        low = {
            f"blk.{n}.lora_{side}": values(f"{n}{side}", *shape)
            for n, r in enumerate((4, 9))
            for side, shape in {"a": (r, 8), "b": (8, r)}.items()
        }
        write_gguf(tmp_path / "gguf-law.gguf", low, fields=ADAPTER)
        store = Ollama(tmp_path / "store")
        adapter = store.layer((tmp_path / "gguf-law.gguf").read_bytes(), "adapter")
        store.add("law:1", store.layer(weights("a")), adapter)
        configs = {
            "plain": {"r": 8},
            "pattern": {"r": 8, "rank_pattern": {"x": 32, "y": 2}},
            "other": {"peft_type": "IA3"},
        }
        for name, config in configs.items():
            write_adapter(tmp_path / name, "base", seed=0)
            (tmp_path / name / "adapter_config.json").write_text(json.dumps(config))
        write(tmp_path / "base", network(0))
        models = scan([tmp_path], shared_by="store").library.models
        ranks = {name: model.rank for name, model in models.items()}
        assert ranks == {"gguf-law": 9, "law:1": 9, "plain": 8, "pattern": 32, "other": None, "base": None}
        for wrong in ({"r": 0}, {"r": "8"}, {"r": 8, "rank_pattern": {"x": True}}):
            (tmp_path / "plain" / "adapter_config.json").write_text(json.dumps(wrong))
            with pytest.raises(InputError, match="a rank should be a whole number"):
                scan([tmp_path], shared_by="store")

    def test_an_adapter_of_another_format_stands_alone(self, tmp_path: Path) -> None:
        model(tmp_path / "law.gguf", "law", fields=(*ADAPTER, ("string", "general.base_model.0.name", "tiny")))
        write(tmp_path / "tiny", network(0))
        model(tmp_path / "base.gguf", "b")
        write_adapter(tmp_path / "code", "base", seed=1)
        found = scan([tmp_path], shared_by="store")
        assert [found.library.models[name].base for name in ("law", "code")] == [None, None]
        assert sum("stands alone" in notice for notice in found.notices) == 2

    @pytest.mark.parametrize("link", [os.link, os.symlink])
    def test_one_adapter_on_two_bases(self, tmp_path: Path, link: object) -> None:
        for number, name in enumerate(("one", "two")):
            write(tmp_path / name, network(number))
            write_adapter(tmp_path / f"law-{name}", name, seed=5)
        first = tmp_path / "law-one" / "adapter_model.safetensors"
        second = tmp_path / "law-two" / "adapter_model.safetensors"
        second.unlink()
        link(first, second)  # type: ignore[operator]
        own = bytes_of(first)
        bases = bytes_of(tmp_path / "one" / "model.safetensors", tmp_path / "two" / "model.safetensors")
        assert sizes(tmp_path, "store")[1] == bases + own
        assert sizes(tmp_path, "lora")[1] == bases + 2 * own
        assert sizes(tmp_path, "nobody")[1] == 2 * bases + 2 * own
        models = scan([tmp_path], shared_by="lora").library.models
        assert [models[f"law-{name}"].base for name in ("one", "two")] == ["one", "two"]

    def test_tied_layers_and_an_adapter_count_once(self, tmp_path: Path) -> None:
        tied = np.arange(64, dtype=np.float32)
        write(tmp_path / "base", {"embed": tied, "head": tied.copy(), "norm": np.ones(2)})
        write_adapter(tmp_path / "law", "base", seed=0)
        found, unique = sizes(tmp_path, "content")
        assert (found["base"], found["law"], unique) == (tied.nbytes + 16, tied.nbytes + 16 + 1024, tied.nbytes + 1040)


class TestHardLinks:
    def test_an_inode_is_hashed_once(self, tmp_path: Path) -> None:
        first = write(tmp_path / "a", network(0))
        for name in ("b", "c"):
            (tmp_path / name).mkdir()
            os.link(first, tmp_path / name / "model.safetensors")
        seen: list[tuple[int, int]] = []
        found = scan([tmp_path], progress=lambda done, total: seen.append((done, total)))
        assert seen[-1][1] == found.library.size_bytes("a")
        assert found.files == 1
        assert set(found.library.models) == {"a", "b", "c"}
        assert len(found.library.blocks) == 1
        one = bytes_of(first)
        assert sizes(tmp_path, "store") == (dict.fromkeys("abc", one), one)
        assert sizes(tmp_path, "lora") == (dict.fromkeys("abc", one), one)
        assert sizes(tmp_path, "nobody") == (dict.fromkeys("abc", one), 3 * one)

    def test_copies_share_contents_only(self, tmp_path: Path) -> None:
        for name in "ab":
            write(tmp_path / name, network(0))
        one = bytes_of(tmp_path / "a" / "model.safetensors")
        assert [sizes(tmp_path, way)[1] for way in ("store", "lora", "nobody")] == [2 * one] * 3
        assert sizes(tmp_path, "content")[1] == sizes(tmp_path, "content")[0]["a"]


class TestEverything:
    def test_all_kinds_of_stores_in_one_folder(self, tmp_path: Path) -> None:
        Hub(tmp_path / "hub").add("acme/base", {"model.safetensors": weights("a")})
        store = Ollama(tmp_path / "ollama")
        store.add("tiny:8b", store.layer(weights("a")))
        write(tmp_path / "files", network(0))
        found = scan([tmp_path], shared_by="store")
        assert set(found.library.models) == {"base", "tiny:8b", "files"}
        assert sorted(found.stores) == ["files", "hub", "ollama"]
        assert found.library.models["files"].source == f"file://{tmp_path}/files"
        assert found.notices == [f"twice on disk: {len(weights('a')):,} bytes of base, tiny:8b"]

    def test_known_stores(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("HF_HUB_CACHE", "HF_HOME", "LLAMA_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.setenv(name, "")
        monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))
        with pytest.raises(UsageError, match="no store of models that is known"):
            scan()
        (tmp_path / ".cache/huggingface/hub").mkdir(parents=True)
        with pytest.raises(InputError, match="nothing is left"):
            scan()
        store = Ollama(tmp_path / "models")
        store.add("tiny:8b", store.layer(weights("a")))
        model(tmp_path / ".cache/llama.cpp/x.gguf", "x")
        assert set(scan(shared_by="nobody").library.models) == {"tiny:8b", "x"}

    def test_options_of_another_way(self, tmp_path: Path) -> None:
        write(tmp_path / "a", network(0))
        for options in ({"ignore": ["*"]}, {"min_block_bytes": 1}, {"group_by": "layer"}):
            with pytest.raises(UsageError, match="by content only, not by store"):
                scan([tmp_path], shared_by="store", **options)  # type: ignore[arg-type]
        assert scan([tmp_path], shared_by="store").trace is None

    def test_blocks_are_called_after_their_files(self, tmp_path: Path) -> None:
        write(tmp_path / "a", network(0))
        write_adapter(tmp_path / "law", "a", seed=1)
        store = Ollama(tmp_path / "store")
        layer = store.layer(weights("x"))
        store.add("tiny:8b", layer)
        by = {way: set(scan([tmp_path], shared_by=way).library.blocks) for way in ("store", "lora", "nobody")}  # type: ignore[arg-type]
        blob = f"sha256-{layer['digest'][7:19]}"
        assert by == {
            "store": {"a/model.safetensors", "law/adapter_model.safetensors", f"tiny:8b/{blob}"},
            "lora": {"a", "law/adapter", "tiny:8b"},
            "nobody": {"a", "law", "tiny:8b"},
        }


def test_configurations_of_several_parts(tmp_path: Path) -> None:
    text = {"num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 10}
    for name, config, expected in [
        ("plain", text, 2 * 2 * 4 * 10 * 2),
        ("nested", {"text_config": text, "vision_config": {}}, 2 * 2 * 4 * 10 * 2),
        ("silent", {"model_type": "x"}, None),
        ("wrong", {**text, "num_hidden_layers": -1}, None),
        ("list", [], None),
    ]:
        write(tmp_path / name, network(0))
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        (model,) = scan([tmp_path / name], shared_by="nobody").library.models.values()
        assert model.cache_bytes_per_token == expected, name
    (tmp_path / "plain" / "config.json").write_text("{")
    assert scan([tmp_path / "plain"], shared_by="nobody").library.models["plain"].cache_bytes_per_token is None

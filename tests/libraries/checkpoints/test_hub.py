"""The hub's cache: repositories, revisions, files that are shared or not here; what links them is huggingface_hub."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.libraries.checkpoints import scan
from tests.libraries.checkpoints.stores import Hub, commit_of, weights

ONE, TWO, OTHER = weights("a", "b"), weights("c", "d"), weights("e")
SMALL = {"config.json": b'{"model_type": "llama"}', "README.md": b"# a model\n"}
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def sharded(first: bytes, second: bytes) -> dict[str, bytes]:
    return {**SMALL, SHARDS[0]: first, SHARDS[1]: second}


def sizes(cache: Path, shared_by: str, **options: Any) -> tuple[dict[str, int], int]:
    """Return the bytes of each model, and those of all blocks."""
    library = scan([cache], shared_by=shared_by, **options).library  # type: ignore[arg-type]
    return {name: library.size_bytes(name) for name in library.models}, library.union_bytes(library.models)


@pytest.mark.parametrize("shared", [True, False])
def test_repositories_that_share_a_file_are_two_models(tmp_path: Path, shared: bool) -> None:
    hub = Hub(tmp_path / "hub", shared)
    hub.add("acme/base", sharded(ONE, TWO))
    hub.add("acme/chat", sharded(ONE, OTHER))
    hub.add("beta/base", sharded(ONE, TWO))
    own = {"acme/base": len(ONE + TWO), "chat": len(ONE + OTHER), "beta/base": len(ONE + TWO)}
    whole = sum(own.values())
    assert sizes(hub.cache, "nobody") == (own, whole)
    assert sizes(hub.cache, "store") == (own, len(ONE + TWO + OTHER) if shared else whole)
    assert sizes(hub.cache, "lora") == (own, whole - len(ONE + TWO) if shared else whole)
    content = {"acme/base": 4096, "chat": 3072, "beta/base": 4096}
    assert sizes(hub.cache, "content") == (content, 5120)
    twice = [notice for notice in scan([hub.cache]).notices if "on disk" in notice]
    assert twice == (
        []
        if shared
        else [
            f"3 times on disk: {len(ONE):,} bytes of acme/base, chat, beta/base",
            f"twice on disk: {len(TWO):,} bytes of acme/base, beta/base",
        ]
    )


def test_sources_and_caches(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    config = {"num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 64}
    hub.add("acme/base", {"model.safetensors": ONE, "config.json": json.dumps(config).encode()})
    adapter = {"adapter_model.safetensors": OTHER, "adapter_config.json": b'{"base_model_name_or_path": "acme/base"}'}
    hub.add("acme/law", adapter)
    found = scan([tmp_path], shared_by="lora")
    base, law = found.library.models["base"], found.library.models["law"]
    assert base.source == f"hf://acme/base@{commit_of('acme/base')}"
    assert law.source == f"hf://acme/law@{commit_of('acme/law')}"
    assert (base.base, law.base) == (None, "base")
    assert base.cache_bytes_per_token == law.cache_bytes_per_token == 2 * 3 * 2 * 8 * 2
    assert found.stores == ["hub"]
    assert found.library.shared_by == "lora"


class TestNotHere:
    def test_a_partial_repository_does_not_end_the_scan(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        hub.add("acme/base", sharded(ONE, TWO))
        hub.add("acme/part", sharded(ONE, OTHER), here=("config.json", "README.md", SHARDS[0]))
        found = scan([tmp_path])
        assert list(found.library.models) == ["base"]
        commit = commit_of("acme/part")[:8]
        assert f"acme/part: 1 files of {commit} are not here, {len(OTHER):,} bytes" in found.notices
        assert "acme/part: 1 of 2 shards are missing: left out" in found.notices

    @pytest.mark.parametrize("tree", [True, False])
    def test_an_index_without_its_shards(self, tmp_path: Path, tree: bool) -> None:
        hub = Hub(tmp_path)
        index = {"model.safetensors.index.json": json.dumps({"weight_map": {"x": SHARDS[0], "y": SHARDS[1]}}).encode()}
        hub.add("acme/base", sharded(ONE, TWO))
        hub.add("acme/part", index | sharded(ONE, OTHER), here=tuple(index), tree=tree)
        found = scan([tmp_path])
        assert "acme/part: 2 of 2 shards are missing: left out" in found.notices
        assert any("3 files" in notice for notice in found.notices) is False
        assert any("4 files of" in notice for notice in found.notices) is tree

    def test_a_link_whose_file_is_gone(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        hub.add("acme/base", {"model.safetensors": ONE})
        snapshot = hub.add("acme/gone", {"model.safetensors": TWO})
        os.unlink(os.path.realpath(snapshot / "model.safetensors"))
        found = scan([tmp_path])
        assert list(found.library.models) == ["base"]
        assert "acme/gone: no weights here: left out" in found.notices
        with pytest.raises(InputError, match="nothing is left") as caught:
            scan([tmp_path / "models--acme--gone"])
        assert "acme/gone: no weights here" in str(caught.value)

    @pytest.mark.parametrize("shared", [True, False])
    def test_missing_files_count_on_request(self, tmp_path: Path, shared: bool) -> None:
        hub = Hub(tmp_path, shared)
        hub.add("acme/base", sharded(ONE, TWO))
        hub.add("acme/part", sharded(ONE, OTHER), here=(SHARDS[1],))
        hub.add("acme/none", sharded(ONE, TWO), here=())
        expected = {"base": len(ONE + TWO), "part": len(ONE + OTHER), "none": len(ONE + TWO)}
        unique = len(ONE + TWO + OTHER) if shared else sum(expected.values())
        assert sizes(tmp_path, "store", with_missing=True) == (expected, unique)
        assert sizes(tmp_path, "nobody", with_missing=True) == (expected, sum(expected.values()))
        assert sizes(tmp_path, "nobody")[0] == {"base": len(ONE + TWO)}
        for way in ("content", "lora"):
            with pytest.raises(UsageError, match=f"by store or nobody, not by {way}"):
                sizes(tmp_path, way, with_missing=True)

    def test_a_missing_file_of_two_revisions_is_one(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        hub.add("acme/base", sharded(ONE, TWO), commit="a" * 40, here=(SHARDS[1],))
        hub.add("acme/base", sharded(ONE, OTHER), commit="b" * 40, ref=None, here=(SHARDS[1],))
        expected = {f"{'a' * 40}/acme/base": len(ONE + TWO), f"{'b' * 40}/acme/base": len(ONE + OTHER)}
        assert sizes(tmp_path, "store", with_missing=True) == (expected, len(ONE + TWO + OTHER))

    def test_gguf_that_is_not_here(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        files = {
            "x-Q4-00001-of-00002.gguf": b"G" * 100,
            "x-Q4-00002-of-00002.gguf": b"U" * 50,
            "mmproj-x.gguf": b"F" * 9,
        }
        hub.add("acme/x", files, here=())
        assert sizes(tmp_path, "nobody", with_missing=True)[0] == {"x-Q4": 159}


class TestRevisions:
    def test_the_same_files_are_one_model(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        hub.add("acme/base", {**SMALL, "model.safetensors": ONE}, commit="a" * 40, ref=None)
        hub.add("acme/base", {"model.safetensors": ONE}, commit="b" * 40)
        found = scan([tmp_path])
        assert list(found.library.models) == ["base"]
        assert found.library.models["base"].source == f"hf://acme/base@{'b' * 40}"
        assert any("counted once" in notice for notice in found.notices)

    @pytest.mark.parametrize("main", ["a", "b"])
    def test_a_base_of_several_revisions_is_that_of_main(self, tmp_path: Path, main: str) -> None:
        hub = Hub(tmp_path / "hub")
        for letter, data in {"a": ONE, "b": TWO, "c": OTHER}.items():
            hub.add(
                "acme/base", {"model.safetensors": data}, commit=letter * 40, ref="main" if letter == main else None
            )
        adapter = tmp_path / "law"
        adapter.mkdir()
        (adapter / "adapter_model.safetensors").write_bytes(weights("l", side=4))
        (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "acme/base"}')
        found = scan([tmp_path], shared_by="store")
        assert len(found.library.models) == 4
        assert found.library.models["law"].base == f"{main * 40}/acme/base"

    def test_without_a_main_branch_it_has_to_be_said(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path / "hub")
        for letter, data in {"a": ONE, "b": TWO}.items():
            hub.add("acme/base", {"model.safetensors": data}, commit=letter * 40, ref=None)
        adapter = {
            "adapter_model.safetensors": OTHER,
            "adapter_config.json": b'{"base_model_name_or_path": "acme/base"}',
        }
        hub.add("acme/law", adapter)
        with pytest.raises(InputError, match="say which with --base law="):
            scan([tmp_path])
        base = f"{'b' * 40}/acme/base"
        assert scan([tmp_path], bases={"law": base}).library.models["law"].base == base

    def test_bases_of_two_repositories_have_to_be_said(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path / "hub")
        for owner, data in {"acme": ONE, "beta": TWO}.items():
            hub.add(f"{owner}/base", {"model.safetensors": data})
        adapter = {"adapter_model.safetensors": OTHER, "adapter_config.json": b'{"base_model_name_or_path": "base"}'}
        hub.add("acme/law", adapter)
        with pytest.raises(InputError, match="say which with --base law="):
            scan([tmp_path])


class TestWholeRepository:
    def test_all_files_count(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        files = {**SMALL, "a-Q4.safetensors": ONE, "sub/a-Q8.safetensors": TWO, "original/x.bin": b"x" * 77}
        hub.add("acme/base", files)
        hub.add("acme/part", files | {"a-Q4.safetensors": OTHER}, here=("README.md",))
        hub.add("acme/tokens", SMALL)
        whole = sum(map(len, files.values()))
        expected = {"base": whole, "part": whole - len(ONE) + len(OTHER)}
        found = scan([tmp_path], shared_by="nobody", whole_repository=True)
        assert {name: found.library.size_bytes(name) for name in found.library.models} == expected
        assert found.library.models["base"].source == f"hf://acme/base@{commit_of('acme/base')}"
        assert "acme/tokens: no weights here: left out" in found.notices
        assert set(scan([tmp_path], shared_by="nobody").library.models) == {"a-Q4", "a-Q8"}
        for way in ("content", "lora"):
            with pytest.raises(UsageError, match="by store or nobody"):
                scan([tmp_path], shared_by=way, whole_repository=True)  # type: ignore[arg-type]

    def test_an_adapter_stays_on_its_base(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        base = {**SMALL, "model.safetensors": ONE}
        config = b'{"base_model_name_or_path": "acme/base"}'
        law = {"adapter_model.safetensors": OTHER, "adapter_config.json": config, "README.md": b"law"}
        hub.add("acme/base", base)
        hub.add("acme/law", law)
        whole, own = sum(map(len, base.values())), sum(map(len, law.values()))
        assert sizes(tmp_path, "nobody", whole_repository=True)[0] == {"base": whole, "law": whole + own}

    def test_without_a_tree_the_files_that_are_here_count(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        hub.add("acme/base", {**SMALL, "model.safetensors": ONE}, here=("model.safetensors", "README.md"), tree=False)
        expected = {"base": len(ONE) + len(SMALL["README.md"])}
        assert sizes(tmp_path, "nobody", whole_repository=True)[0] == expected


class TestPaths:
    def test_other_kinds_of_repositories_are_passed_over(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path)
        hub.add("acme/base", {"model.safetensors": ONE})
        for kind in ("dataset", "space"):
            hub.add("acme/other", {"model.safetensors": TWO}, kind=kind)
        assert list(scan([tmp_path]).library.models) == ["base"]

    def test_each_way_in_is_the_same_model(self, tmp_path: Path) -> None:
        hub = Hub(tmp_path / "hub")
        snapshot = hub.add("acme/base", {"model.safetensors": ONE})
        (tmp_path / "link").symlink_to(hub.cache)
        ways = [
            tmp_path,
            hub.cache,
            snapshot.parent.parent,
            snapshot,
            snapshot / "model.safetensors",
            tmp_path / "link",
        ]
        for way in ways:
            assert list(scan([way]).library.models) == ["base"]
        found = scan(ways)
        assert list(found.library.models) == ["base"]
        assert all("counted once" in notice for notice in found.notices)

    def test_a_link_to_a_snapshot_is_the_same_model(self, tmp_path: Path) -> None:
        snapshot = Hub(tmp_path / "hub").add("acme/base", {"model.safetensors": ONE})
        (tmp_path / "mine").symlink_to(snapshot, target_is_directory=True)
        for paths in ([tmp_path / "mine", tmp_path / "hub"], [tmp_path / "hub", tmp_path / "mine"]):
            assert list(scan(paths).library.models) == ["base"]

    def test_loops_of_links_end(self, tmp_path: Path) -> None:
        snapshot = Hub(tmp_path).add("acme/base", {"model.safetensors": ONE})
        (snapshot / "up").symlink_to(tmp_path, target_is_directory=True)
        (snapshot / "self.safetensors").symlink_to("self.safetensors")
        found = scan([tmp_path])
        assert list(found.library.models) == ["base"]

    def test_subfolders_are_models_of_their_own(self, tmp_path: Path) -> None:
        Hub(tmp_path).add("acme/image", {"vae/model.safetensors": ONE, "unet/model.safetensors": TWO})
        assert set(scan([tmp_path]).library.models) == {"vae", "unet"}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([], "at $.files: should be an object"),
        ({"../x": {"size": 1, "blob_id": "a"}}, "'../x' does not lie in the repository"),
        ({"/etc/x": {"size": 1, "blob_id": "a"}}, "'/etc/x' does not lie in the repository"),
        ({"x": 3}, "at $.files.x: should be an object"),
        ({"x": {"size": -1, "blob_id": "a"}}, "at $.files.x.size: should be a number of bytes, not -1"),
        ({"x": {"size": True, "blob_id": "a"}}, "not True"),
        ({"x": {"size": 1}}, "at $.files.x.blob_id: should be a text"),
    ],
)
def test_hostile_trees(tmp_path: Path, files: Any, told: str) -> None:
    Hub(tmp_path).add("acme/base", {"model.safetensors": ONE})
    tree = tmp_path / "models--acme--base" / "trees" / f"{commit_of('acme/base')}.json"
    tree.write_text(json.dumps({"format_version": 1, "files": files}))
    with pytest.raises(InputError) as caught:
        scan([tmp_path])
    assert told in str(caught.value)
    assert caught.value.file == str(tree)
    tree.write_text(json.dumps({"format_version": 2, "files": files}))
    found = scan([tmp_path])
    assert list(found.library.models) == ["base"]
    assert any("this version of trees is not known" in notice for notice in found.notices)

"""Ollama's stores and OCI layouts: layers, adapters, names that clash, blobs that are not here, hostile manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeopt.errors import InputError
from edgeopt.libraries.checkpoints import scan
from tests.libraries.checkpoints.stores import Oci, Ollama, named, values, weights, write_gguf

ONE, TWO, OTHER = weights("a", "b"), weights("c", "d"), weights("e")


def sizes(folder: Path, shared_by: str) -> tuple[dict[str, int], int]:
    """Return the bytes of each model, and those of all blocks."""
    library = scan([folder], shared_by=shared_by).library  # type: ignore[arg-type]
    return {name: library.size_bytes(name) for name in library.models}, library.union_bytes(library.models)


class TestOllama:
    def test_one_adapter_on_two_bases(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        adapter = store.layer(OTHER, "adapter")
        for name, data in {"one": ONE, "two": TWO}.items():
            store.add(f"{name}:latest", store.layer(data), store.layer(b"MIT", "license"))
            store.add(f"{name}-law:latest", store.layer(data), adapter)
        plain = {"one:latest": len(ONE), "two:latest": len(TWO)}
        tuned = {f"{name}-law:latest": len(data) + len(OTHER) for name, data in {"one": ONE, "two": TWO}.items()}
        whole = sum((plain | tuned).values())
        assert sizes(tmp_path, "nobody") == (plain | tuned, whole)
        assert sizes(tmp_path, "store") == (plain | tuned, len(ONE + TWO + OTHER))
        assert sizes(tmp_path, "lora") == (plain | tuned, len(ONE + TWO) + 2 * len(OTHER))
        assert scan([tmp_path]).library.models["two-law:latest"].source == (
            "ollama://registry.ollama.ai/library/two-law:latest"
        )

    def test_hosts_that_share_names(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        places = ("registry.ollama.ai/library", "registry.ollama.ai/ann", "hf.co/library")
        for place, data in zip(places, (ONE, TWO, ONE), strict=True):
            store.add("tiny:8b", store.layer(data), place=place)
        assert sizes(tmp_path, "store") == (
            {
                "registry.ollama.ai/library/tiny:8b": len(ONE),
                "ann/tiny:8b": len(TWO),
                "hf.co/library/tiny:8b": len(ONE),
            },
            len(ONE + TWO),
        )

    def test_two_stores_of_one_model(self, tmp_path: Path) -> None:
        for user in ("ann", "bob"):
            store = Ollama(tmp_path / user)
            store.add("tiny:8b", store.layer(ONE))
        found = scan([tmp_path / "ann", tmp_path / "bob"], shared_by="store")
        assert set(found.library.models) == {f"{user}/registry.ollama.ai/library/tiny:8b" for user in ("ann", "bob")}
        assert found.notices == [f"twice on disk: {len(ONE):,} bytes of {', '.join(found.library.models)}"]

    def test_layers_of_tensors_one_of_them_twice(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        layers = [store.layer(weights(word), "tensor") for word in "aab"]
        store.add("z:turbo", *layers, store.layer(b"{}", "json"))
        expected = {"z:turbo": len(weights("a") + weights("b"))}
        for way in ("store", "lora", "nobody"):
            assert sizes(tmp_path, way) == (expected, expected["z:turbo"])
        assert sizes(tmp_path, "content") == ({"z:turbo": 2048}, 2048)

    def test_projector_and_draft_belong_to_the_model(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        parts = {"model": ONE, "projector": TWO, "draft": OTHER}
        store.add("see:1", *(store.layer(data, kind) for kind, data in parts.items()))
        assert sizes(tmp_path, "lora")[0] == {"see:1": len(ONE + TWO + OTHER)}

    def test_a_cache_by_the_fields_of_gguf(self, tmp_path: Path) -> None:
        fields = (
            ("uint32", "llama.block_count", 4),
            ("uint32", "llama.embedding_length", 64),
            ("uint32", "llama.attention.head_count", 8),
            ("uint32", "llama.attention.head_count_kv", 2),
        )
        path = write_gguf(tmp_path / "x.gguf", {"t": values("t", 4, 4)}, fields=fields)
        store = Ollama(tmp_path / "store")
        store.add("x:1", store.layer(path.read_bytes()))
        assert scan([store.root]).library.models["x:1"].cache_bytes_per_token == 2 * 4 * 2 * 8 * 2

    def test_what_is_not_here_is_left_out(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        gone = store.layer(TWO)
        store.path(gone["digest"]).unlink()
        store.add("gone:1", gone)
        store.add("far:cloud", store.layer(b"MIT", "license"))
        store.add("none:1").write_text('{"layers": null}')
        (tmp_path / "manifests/registry.ollama.ai/library/link").mkdir()
        (tmp_path / "manifests/registry.ollama.ai/library/link/1").symlink_to("nowhere")
        (tmp_path / "manifests/.DS_Store").write_text("x")
        store.add("tiny:8b", store.layer(ONE))
        found = scan([tmp_path])
        assert list(found.library.models) == ["tiny:8b"]
        place = "registry.ollama.ai/library"
        assert set(found.notices) == {
            f"{place}/gone:1: the blob sha256:{gone['digest'][7:19]} is missing: left out",
            f"{place}/far:cloud: no weights here: left out",
            f"{place}/none:1: no weights here: left out",
            f"{place}/link:1: the manifest is missing: left out",
        }

    def test_nothing_is_left(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        store.add("far:cloud", store.layer(b"MIT", "license"))
        with pytest.raises(InputError, match="nothing is left"):
            scan([tmp_path])

    @pytest.mark.parametrize(
        ("manifest", "told"),
        [
            ("{", "is it truncated"),
            ("[]", "at $.layers: should be a list"),
            ("{}", "at $.layers: should be a list"),
            ('{"layers": {}}', "at $.layers: should be a list"),
            ('{"layers": [3]}', "at $.layers[0].mediaType: should be a text"),
            ({"digest": None}, "at $.layers[0].digest: should be 'sha256:' and 64 digits, not None"),
            ({"digest": "sha256:../../../etc/passwd"}, "64 digits"),
            ({"digest": "sha256:" + "A" * 64}, "64 digits"),
            ({"digest": "md5:" + "0" * 64}, "64 digits"),
        ],
    )
    def test_hostile_manifests(self, tmp_path: Path, manifest: Any, told: str) -> None:
        store = Ollama(tmp_path)
        path = store.add("x:1", store.layer(ONE) | manifest if isinstance(manifest, dict) else {})
        if isinstance(manifest, str):
            path.write_text(manifest)
        with pytest.raises(InputError) as caught:
            scan([tmp_path])
        assert told in str(caught.value)
        assert caught.value.file == str(path)

    def test_a_blob_of_another_size(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        layer = store.layer(ONE)
        store.path(layer["digest"]).write_bytes(ONE[:100])
        store.add("x:1", layer)
        for way in ("content", "store", "lora", "nobody"):
            with pytest.raises(InputError, match=f"the file has 100 bytes; {len(ONE)} says the manifest '1'") as caught:
                scan([tmp_path], shared_by=way)  # type: ignore[arg-type]
            assert caught.value.file == str(store.path(layer["digest"]))

    def test_loops_of_links_end(self, tmp_path: Path) -> None:
        store = Ollama(tmp_path)
        store.add("x:1", store.layer(ONE))
        (tmp_path / "manifests" / "loop").symlink_to(tmp_path / "manifests", target_is_directory=True)
        assert list(scan([tmp_path]).library.models) == ["x:1"]


class TestOci:
    def test_indexes_nest(self, tmp_path: Path) -> None:
        store = Oci(tmp_path)
        one, two = store.manifest(store.weight(ONE)), store.manifest(store.weight(TWO))
        inner = store.index(named(two, "r.example/deep/two:v1"))
        store.tag(store.index(one, store.index(inner)), "r.example/acme/one:v1")
        assert sizes(tmp_path, "nobody")[0] == {"one:v1": len(ONE), "two:v1": len(TWO)}
        assert scan([tmp_path]).library.models["two:v1"].source == f"oci://{tmp_path}#r.example/deep/two:v1"

    def test_several_under_one_reference(self, tmp_path: Path) -> None:
        store = Oci(tmp_path)
        one, two = store.manifest(store.weight(ONE)), store.manifest(store.weight(TWO))
        store.tag(store.index(one, two, one), "r.example/acme/both:v1")
        digits = {entry["digest"][7:19]: size for entry, size in ((one, len(ONE)), (two, len(TWO)))}
        assert sizes(tmp_path, "nobody")[0] == {f"both:v1@{twelve}": size for twelve, size in digits.items()}

    def test_two_references_are_two_models(self, tmp_path: Path) -> None:
        store = Oci(tmp_path)
        one = store.manifest(store.weight(ONE))
        store.tag(one, "r.example/acme/one:v1")
        store.tag(one, "r.example/beta/one:v1")
        store.tag(one, "r.example/beta/one:v1")
        names = ("acme/one:v1", "beta/one:v1")
        assert sizes(tmp_path, "store") == (dict.fromkeys(names, len(ONE)), len(ONE))

    def test_without_a_reference_the_digest_names_it(self, tmp_path: Path) -> None:
        store = Oci(tmp_path)
        one = store.manifest(store.weight(ONE))
        store.tag(one, None)
        assert list(scan([tmp_path]).library.models) == [one["digest"][7:19]]
        assert scan([tmp_path]).library.models[one["digest"][7:19]].source == f"oci://{tmp_path}#{one['digest']}"

    def test_archives_are_one_block(self, tmp_path: Path) -> None:
        store = Oci(tmp_path)
        packed = store.weight(b"an archive" * 10, "tar+gzip")
        store.tag(store.manifest(store.weight(ONE), packed), "a:v1")
        store.tag(store.manifest(store.weight(TWO), packed, packed), "b:v1")
        assert sizes(tmp_path, "content") == ({"a:v1": 2148, "b:v1": 2148}, 4196)

    def test_what_is_not_here_is_left_out(self, tmp_path: Path) -> None:
        store = Oci(tmp_path)
        gone, lost = store.manifest(store.weight(ONE)), store.weight(TWO)
        store.path(gone["digest"]).unlink()
        store.tag(gone, "gone:v1")
        store.tag(store.manifest(lost), "lost:v1")
        store.path(lost["digest"]).unlink()
        store.tag(store.manifest(store.put(b"{}", "application/vnd.cncf.model.weight.config.v1.raw")), "none:v1")
        store.tag(store.manifest(store.weight(OTHER)), "here:v1")
        found = scan([tmp_path])
        assert list(found.library.models) == ["here:v1"]
        assert [notice.partition(": ")[2] for notice in found.notices] == [
            "the manifest is missing: left out",
            f"the blob sha256:{lost['digest'][7:19]} is missing: left out",
            "no weights here: left out",
        ]

    def test_an_index_that_names_itself_ends(self, tmp_path: Path) -> None:
        store = Oci(tmp_path)
        loop = store.index()
        store.path(loop["digest"]).write_text(json.dumps({"manifests": [loop, store.manifest(store.weight(ONE))]}))
        store.tag(loop, "x:v1")
        assert list(scan([tmp_path]).library.models) == ["x:v1"]

    @pytest.mark.parametrize(
        ("index", "told"),
        [
            ("{}", "at $.manifests: should be a list"),
            ('{"manifests": [3]}', "at $.manifests[0].digest: should be 'sha256:'"),
            ('{"manifests": [{"digest": "sha256:../x"}]}', "at $.manifests[0].digest"),
            ({"annotations": {"org.opencontainers.image.ref.name": 3}}, "3 is no name"),
            ({"annotations": {"org.opencontainers.image.ref.name": "/"}}, "'/' is no name"),
        ],
    )
    def test_hostile_indexes(self, tmp_path: Path, index: Any, told: str) -> None:
        store = Oci(tmp_path)
        store.tag(store.manifest(store.weight(ONE)) | (index if isinstance(index, dict) else {}), None)
        if isinstance(index, str):
            (tmp_path / "index.json").write_text(index)
        with pytest.raises(InputError) as caught:
            scan([tmp_path])
        assert told in str(caught.value)
        assert caught.value.file == str(tmp_path / "index.json")

    @pytest.mark.parametrize("data", [b"GGUF and nothing", ONE[:-1], (10**7).to_bytes(8, "little") + b"{"])
    def test_broken_weights(self, tmp_path: Path, data: bytes) -> None:
        store = Oci(tmp_path)
        weight = store.weight(data)
        store.tag(store.manifest(weight), "x:v1")
        with pytest.raises(InputError) as caught:
            scan([tmp_path])
        assert caught.value.file == str(store.path(weight["digest"]))
        assert scan([tmp_path], shared_by="store").library.size_bytes("x:v1") == len(data)


def test_gguf_and_safetensors_share_plain_tensors(tmp_path: Path) -> None:
    """F16 of one shape is the same in both formats; a quantised matrix is not."""
    half = values("h", 4, 32, dtype=np.float16)
    write_gguf(tmp_path / "a" / "x.gguf", {"t": half, "q": values("q", 2, 32)}, kinds={"q": "Q8_0"})
    store = Ollama(tmp_path / "store")
    from safetensors.numpy import save

    store.add("y:1", store.layer(save({"other.name": half, "turned": np.ascontiguousarray(half.T)})))
    library = scan([tmp_path]).library
    assert library.size_bytes("x") == half.nbytes + 2 * 34
    assert library.union_bytes(["x", "y:1"]) == 2 * half.nbytes + 2 * 34

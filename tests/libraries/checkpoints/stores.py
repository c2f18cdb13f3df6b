"""Small stores of models, made where possible by the libraries that make real ones: gguf and huggingface_hub."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

Array = np.ndarray[Any, Any]


def values(word: str, *shape: int, dtype: Any = np.float32) -> Array:
    """Return values that the word alone decides."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def weights(*words: str, side: int = 16) -> bytes:
    """Return a safetensors file with a matrix for each word."""
    return save({f"layers.{n}.weight": values(word, side, side) for n, word in enumerate(words)})


def commit_of(word: str) -> str:
    """Return what looks like the name of a commit."""
    return hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest()


# ---- GGUF


def write_gguf(
    path: Path,
    tensors: dict[str, Array],
    *,
    kinds: dict[str, str] | None = None,
    fields: tuple[tuple[str, str, Any], ...] = (),
    align: int | None = None,
    architecture: str = "llama",
) -> Path:
    """Write a file with the library; `kinds` names quantised types, `fields` are (kind, key, value)."""
    gguf = pytest.importorskip("gguf")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    if align:
        writer.add_custom_alignment(align)
    for kind, key, value in fields:
        getattr(writer, f"add_{kind}")(key, value)
    for name, array in tensors.items():
        if name in (kinds or {}):
            kind = gguf.GGMLQuantizationType[(kinds or {})[name]]
            block, size = gguf.GGML_QUANT_SIZES[kind]
            raw = np.resize(
                array.astype(np.float32).view(np.uint8), (*array.shape[:-1], array.shape[-1] // block * size)
            )
            writer.add_tensor(name, raw, raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


# ---- the hub's cache


class Hub:
    """A cache, files put in place by the functions of huggingface_hub itself."""

    def __init__(self, cache: Path, shared: bool = False) -> None:
        pytest.importorskip("huggingface_hub", minversion="2.0")
        self.cache, self.shared = cache, shared
        cache.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        name: str,
        files: dict[str, bytes],
        *,
        commit: str | None = None,
        ref: str | None = "main",
        here: tuple[str, ...] | None = None,
        tree: bool = True,
        kind: str = "model",
    ) -> Path:
        """Add a commit of a repository, of which only the files `here` are on the disk, and return its snapshot."""
        from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache
        from huggingface_hub.file_download import _create_symlink, repo_folder_name
        from huggingface_hub.utils import _shared_blobs

        commit = commit or commit_of(name)
        folder = self.cache / repo_folder_name(repo_id=name, repo_type=kind)
        snapshot = folder / "snapshots" / commit
        (folder / "blobs").mkdir(parents=True, exist_ok=True)
        entries = {}
        for path, data in files.items():
            large = path.endswith((".safetensors", ".gguf"))
            git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
            sha, xet = hashlib.sha256(data).hexdigest(), hashlib.sha256(b"xet" + data).hexdigest()
            size = len(data)
            entries[path] = TreeCacheEntry(size, git, *((sha, size, xet) if large else ()))
            if here is not None and path not in here:
                continue
            blob = folder / "blobs" / (sha if large else git)
            place = {"blob_path": str(blob), "xet_hash": xet, "cache_dir": self.cache, "expected_size": size}
            if not blob.exists():
                share = self.shared and large
                if not (share and _shared_blobs.try_link_from_shared_store(**place)):
                    blob.write_bytes(data)
                    if share:
                        assert _shared_blobs.publish_blob_to_shared_store(**place)
            (snapshot / path).parent.mkdir(parents=True, exist_ok=True)
            _create_symlink(str(blob), str(snapshot / path), new_blob=False)
        if tree:
            write_tree_cache(str(folder), commit, entries)
        if ref:
            (folder / "refs").mkdir(exist_ok=True)
            (folder / "refs" / ref).write_text(commit)
        return snapshot


# ---- stores of manifests


class Blobs:
    """A folder of files that are called by their digests; `joint` stands between the algorithm and the digits."""

    def __init__(self, root: Path, joint: str) -> None:
        self.root, self.joint = root, joint
        self.path("sha256:0").parent.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        return self.root / "blobs" / digest.replace(":", self.joint)

    def put(self, data: bytes, media: str, **more: Any) -> dict[str, Any]:
        """Write a file, and return what a manifest says of it."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.path(digest).write_bytes(data)
        return {"mediaType": media, "digest": digest, "size": len(data), **more}


class Ollama(Blobs):
    """A store of Ollama."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "-")

    def layer(self, data: bytes, kind: str = "model") -> dict[str, Any]:
        return self.put(data, f"application/vnd.ollama.image.{kind}")

    def add(self, name: str, *layers: Any, place: str = "registry.ollama.ai/library") -> Path:
        model, _, tag = name.partition(":")
        path = self.root / "manifests" / place / model / tag
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schemaVersion": 2, "layers": list(layers)}))
        return path


class Oci(Blobs):
    """An OCI image layout."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "/")
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.entries: list[dict[str, Any]] = []

    def weight(self, data: bytes, form: str = "raw") -> dict[str, Any]:
        return self.put(data, f"application/vnd.cncf.model.weight.v1.{form}")

    def manifest(self, *layers: dict[str, Any]) -> dict[str, Any]:
        data = {"schemaVersion": 2, "layers": list(layers)}
        return self.put(json.dumps(data).encode(), "application/vnd.oci.image.manifest.v1+json")

    def index(self, *entries: dict[str, Any]) -> dict[str, Any]:
        data = {"schemaVersion": 2, "manifests": list(entries)}
        return self.put(json.dumps(data).encode(), "application/vnd.oci.image.index.v1+json")

    def tag(self, entry: dict[str, Any], reference: str | None) -> None:
        """Put an entry into the index of the layout."""
        self.entries.append(named(entry, reference) if reference else entry)
        (self.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.entries}))


def named(entry: dict[str, Any], reference: str) -> dict[str, Any]:
    """Return an entry of an index with a reference."""
    return entry | {"annotations": {"org.opencontainers.image.ref.name": reference}}

"""Models in a store of Ollama: manifests, and blobs that they name by digest.

The layout is that of https://github.com/ollama/ollama, manifest/ and server/images.go:
``manifests/HOST/NAMESPACE/MODEL/TAG`` and ``blobs/sha256-HEX``.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgeopt.files import read_json
from edgeopt.libraries.checkpoints.checkpoint import Checkpoint, Found, WeightFile, as_text
from edgeopt.libraries.checkpoints.folders import rank_of
from edgeopt.libraries.checkpoints.geometry import cache_bytes_of_fields
from edgeopt.libraries.checkpoints.gguf import MAGIC, Gguf, read_gguf
from edgeopt.libraries.checkpoints.manifests import MissingBlob, blob_of, layers_of
from edgeopt.libraries.checkpoints.naming import folder_parts
from edgeopt.libraries.checkpoints.walking import files_of_folders

IMAGE = "application/vnd.ollama.image."
WEIGHTS = {IMAGE + kind for kind in ("model", "projector", "draft", "tensor")}
ADAPTER = IMAGE + "adapter"
NAME_PARTS = 4  # host, namespace, model, tag


def find_in_ollama(root: Path, found: Found) -> None:
    """Find the models of a store of Ollama; one without weights here, or with missing blobs, is left out.

    Raises
    ------
    InputError
        A manifest is not what it should be.
    """
    found.stores["ollama"] = None
    for folder, names in files_of_folders(root / "manifests"):
        for name in sorted(names):
            parts = (folder / name).relative_to(root / "manifests").parts
            if len(parts) == NAME_PARTS and not name.startswith("."):
                _add(root, folder / name, found)


def _add(root: Path, manifest: Path, found: Found) -> None:
    host, namespace, model, tag = (as_text(part) for part in manifest.relative_to(root / "manifests").parts)
    name = f"{host}/{namespace}/{model}:{tag}"
    if not manifest.is_file():
        found.leave_out(name, "the manifest is missing")
        return
    weights: list[WeightFile] = []
    adapters: list[WeightFile] = []
    try:
        for where, media, layer in layers_of(read_json(manifest), manifest):
            if media in WEIGHTS or media == ADAPTER:
                file = blob_of(layer, where, manifest, lambda digest: root / "blobs" / digest.replace(":", "-"))
                (adapters if media == ADAPTER else weights).append(file)
    except MissingBlob as problem:
        found.leave_out(name, str(problem))
        return
    if not weights and not adapters:
        found.leave_out(name, "no weights here")
        return
    checkpoint = Checkpoint(
        manifest,
        (*folder_parts(root), host, namespace, f"{model}:{tag}"),
        f"ollama://{name}",
        files=tuple(dict.fromkeys(weights)),
        adapter_files=tuple(dict.fromkeys(adapters)),
        rank=max(filter(None, (rank_of(_header(file)) for file in adapters)), default=None),
        cache_bytes_per_token=_cache_bytes(weights),
        owner=os.path.realpath(manifest),
    )
    found.checkpoints.append(checkpoint)


def _cache_bytes(weights: list[WeightFile]) -> int | None:
    """Return the bytes of the key-value cache for each token of the first layer that tells them."""
    for file in weights:
        header = _header(file)
        if header is not None and (told := cache_bytes_of_fields(header.fields)):
            return told
    return None


def _header(file: WeightFile) -> Gguf | None:
    """Read the header of a layer, up to its vocabulary; None where the layer is not GGUF."""
    with open(file.path, "rb") as stream:
        is_gguf = stream.read(len(MAGIC)) == MAGIC
    return read_gguf(file.path, whole=False) if is_gguf else None

"""Manifests name the files of a model by their digests; they are the same in Ollama's stores and in OCI layouts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.libraries.checkpoints.checkpoint import WeightFile

DIGEST = re.compile(r"sha256:(?P<sha256>[0-9a-f]{64})|sha512:[0-9a-f]{128}")

SHOWN_DIGITS = 12


class MissingBlob(Exception):
    """A file that a manifest names is not in the store; the text says which."""


def digest_at(entry: Any, where: str, manifest: Path) -> str:
    """Return the digest of an entry.

    Raises
    ------
    InputError
        It has none that can be one: the name of a file is made of it.
    """
    digest = entry.get("digest") if isinstance(entry, Mapping) else None
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise InputError(Finding(f"{where}.digest", f"should be 'sha256:' and 64 digits, not {digest!r}"), manifest)
    return digest


def layers_of(data: Any, manifest: Path) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return of each layer its place in the manifest, its media type, and the entry.

    Raises
    ------
    InputError
        The manifest has no list of layers, or a layer is not what it should be.
    """
    layers = data.get("layers", "") if isinstance(data, Mapping) else ""
    if layers is None:  # how Go writes an empty list
        return []
    if not isinstance(layers, list):
        raise InputError(Finding("$.layers", "should be a list", "is this a manifest?"), manifest)
    found = []
    for index, layer in enumerate(layers):
        where = f"$.layers[{index}]"
        media = layer.get("mediaType") if isinstance(layer, Mapping) else None
        if not isinstance(media, str):
            raise InputError(Finding(f"{where}.mediaType", f"should be a text, not {media!r}"), manifest)
        found.append((where, media, layer))
    return found


def blob_of(layer: Mapping[str, Any], where: str, manifest: Path, blob_path: Callable[[str], Path]) -> WeightFile:
    """Return the file of a layer.

    Raises
    ------
    MissingBlob
        It is not in the store.
    InputError
        It has another size than the manifest says.
    """
    digest = digest_at(layer, where, manifest)
    path = blob_path(digest)
    if not path.is_file():
        algorithm, _, digits = digest.partition(":")
        raise MissingBlob(f"the blob {algorithm}:{digits[:SHOWN_DIGITS]} is missing")
    size, actual = layer.get("size"), path.stat().st_size
    if size != actual:
        problem = f"the file has {actual:,} bytes; {size!r} says the manifest {manifest.name!r}"
        raise InputError(Finding("$", problem, "it is cut off, or another file: get it again"), path)
    match = DIGEST.fullmatch(digest)
    return WeightFile(path, sha256=match["sha256"] if match else None)

"""Models in an OCI image layout, their weights marked by the media types of the CNCF ModelPack specification.

The layout: https://github.com/opencontainers/image-spec, image-layout.md. The media types:
https://github.com/modelpack/model-spec, specs-go/v1/mediatype.go.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_json
from edgeopt.libraries.checkpoints.checkpoint import Checkpoint, Found, as_text
from edgeopt.libraries.checkpoints.manifests import SHOWN_DIGITS, MissingBlob, blob_of, digest_at, layers_of
from edgeopt.libraries.checkpoints.naming import folder_parts

LAYOUT, INDEX = "oci-layout", "index.json"
REFERENCE = "org.opencontainers.image.ref.name"
WEIGHTS = {f"application/vnd.cncf.model.weight.v1.{form}" for form in ("raw", "tar", "tar+gzip", "tar+zstd")}


def find_in_layout(root: Path, found: Found) -> None:
    """Find the models of an OCI layout; one without weights, or with missing blobs, is left out.

    Raises
    ------
    InputError
        An index or a manifest is not what it should be.
    """
    found.stores["oci"] = None
    first = len(found.checkpoints)
    _take_index(root, root / INDEX, None, found, set())
    models = list({model.owner: model for model in found.checkpoints[first:]}.values())
    times = Counter(model.name_parts for model in models)
    found.checkpoints[first:] = [_told_apart(model) if times[model.name_parts] > 1 else model for model in models]


def _told_apart(model: Checkpoint) -> Checkpoint:
    """Return one of several models under one reference with its digest in its name."""
    last = f"{model.name_parts[-1]}@{model.place.name[:SHOWN_DIGITS]}"
    return replace(model, name_parts=(*model.name_parts[:-1], last))


def _blob(root: Path, digest: str) -> Path:
    return root / "blobs" / digest.replace(":", "/")


def _take_index(root: Path, path: Path, reference: str | None, found: Found, seen: set[str]) -> None:
    """Go through an index and those in it; a manifest without a reference of its own has that of its index."""
    data = read_json(path)
    entries = data.get("manifests") if isinstance(data, Mapping) else None
    if not isinstance(entries, list):
        raise InputError(Finding("$.manifests", "should be a list", "is this an index of an OCI layout?"), path)
    for index, entry in enumerate(entries):
        where = f"$.manifests[{index}]"
        digest = digest_at(entry, where, path)
        own = _reference(entry, where, path) or reference
        blob = _blob(root, digest)
        label = own or digest.partition(":")[2][:SHOWN_DIGITS]
        if not blob.is_file():
            found.leave_out(label, "the manifest is missing")
            continue
        inner = read_json(blob)
        if isinstance(inner, Mapping) and "manifests" in inner:
            if digest not in seen:
                _take_index(root, blob, own, found, seen | {digest})
        else:
            _add(root, digest, inner, own, label, found)


def _reference(entry: Mapping[str, Any], where: str, path: Path) -> str | None:
    notes = entry.get("annotations")
    name = notes.get(REFERENCE) if isinstance(notes, Mapping) else None
    if name is not None and (not isinstance(name, str) or not name.strip("/")):
        raise InputError(Finding(f"{where}.annotations.{REFERENCE}", f"{name!r} is no name"), path)
    return name


def _add(root: Path, digest: str, data: Any, reference: str | None, label: str, found: Found) -> None:
    manifest = _blob(root, digest)
    try:
        files = [
            blob_of(layer, where, manifest, lambda inner: _blob(root, inner))
            for where, media, layer in layers_of(data, manifest)
            if media in WEIGHTS
        ]
    except MissingBlob as problem:
        found.leave_out(label, str(problem))
        return
    if not files:
        found.leave_out(label, "no weights here")
        return
    digits = digest.partition(":")[2][:SHOWN_DIGITS]
    named = [part for part in reference.split("/") if part] if reference else []
    checkpoint = Checkpoint(
        manifest,
        (*folder_parts(root), *(named or [digits])),
        f"oci://{as_text(str(root.absolute()))}#{reference or digest}",
        files=tuple(dict.fromkeys(files)),
        owner=f"{os.path.realpath(manifest)}#{reference}",
    )
    found.checkpoints.append(checkpoint)

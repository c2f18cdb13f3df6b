"""The scan turns checkpoints into a model library, and a trace of its tensors where it reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.libraries.checkpoints.bases import match_bases, model_names
from edgeopt.libraries.checkpoints.cache import DigestCache
from edgeopt.libraries.checkpoints.checkpoint import Checkpoint, Found, Held, WeightFile, as_text
from edgeopt.libraries.checkpoints.contents import Contents
from edgeopt.libraries.checkpoints.discovery import find_checkpoints
from edgeopt.libraries.checkpoints.merging import merge
from edgeopt.libraries.checkpoints.whole_files import ModelFiles, cut, sharing_text, stored_twice
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.libraries.shared_by import SharedBy
from edgeopt.quantities import quantity


@dataclass(frozen=True)
class Scan:
    """The result of a scan.

    Attributes
    ----------
    library : ModelLibrary
    trace : dict, optional
        JSON data: of each model its files, its base, and of each tensor the type, shape, digest and block; None when
        tensors were not read.
    notices : list of str
        What the reader of the library should know: checkpoints given twice or left out, adapters with and without
        their base, bytes stored twice.
    stores : list of str
        Kinds of stores that were found: hub, ollama, oci, files.
    sharing : str
        Bytes by each way to share, in words.
    files, file_bytes : int
        Files of weights, each counted once, and their bytes.
    cached_bytes : int
        Bytes of tensors whose digests were known from an earlier scan.
    """

    library: ModelLibrary
    trace: dict[str, Any] | None
    notices: list[str]
    stores: list[str]
    sharing: str
    files: int
    file_bytes: int
    cached_bytes: int

    def files_text(self) -> str:
        """Say what was read, in words and numbers with units."""
        known = f", {quantity(self.cached_bytes, 'B')} known from an earlier scan" if self.cached_bytes else ""
        return f"{self.files} with {quantity(self.file_bytes, 'B')}{known}"


def scan(
    paths: Iterable[str | Path] | None = None,
    *,
    shared_by: SharedBy | Literal["content", "store", "lora", "nobody"] = SharedBy.CONTENT,
    name: str = "library",
    bases: Mapping[str, str] | None = None,
    with_missing: bool = False,
    whole_repository: bool = False,
    ignore: Sequence[str] = (),
    min_block_bytes: int = 0,
    group_by: Literal["layer"] | None = None,
    threads: int = 1,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scan:
    """Make a model library of checkpoints.

    Parameters
    ----------
    paths : iterable of path, optional
        Files of weights (safetensors, GGUF), indexes of sharded checkpoints, and folders with such files or stores of
        models (the hub's cache, Ollama, OCI layouts) at any depth.
    shared_by : "content", "store", "lora" or "nobody"
        What a block is: tensors of equal type, shape and bytes; a file; what a process that serves adapters loads once;
        a whole model. Only ``content`` reads tensors.
    name : str
        Name of the library.
    bases : mapping of str to str, optional
        Base of adapters whose configuration does not tell it, both as names of models.
    with_missing : bool
        Count the files of the hub that its cache lists but the disk lacks (``store``, ``nobody``).
    whole_repository : bool
        Take each revision of a repository of the hub as one model of all its files (``store``, ``nobody``).
    ignore : sequence of str
        Patterns (``*.inv_freq``) of names of tensors that are left out (``content``).
    min_block_bytes : int
        What the same models share is copied into each of them when it has fewer bytes (``content``).
    group_by : "layer", optional
        Split blocks at layers (``content``).
    threads : int
    cache : Path, optional
        File that remembers digests from scan to scan.
    progress : callable, optional
        Called with the hashed bytes so far, and those to hash in all.

    Raises
    ------
    InputError
        A path has no checkpoint, a file is not what it should be, or changes while it is read.
    UsageError
        A name in `bases` is unknown, or an option is not for this way to share.
    """
    way = SharedBy(shared_by)
    _require_fitting(way, with_missing or whole_repository, bool(ignore or min_block_bytes or group_by))
    found = find_checkpoints(None if paths is None else [*map(Path, paths)], with_missing, whole_repository)
    distinct = _distinct(found)
    checkpoints = dict(zip(model_names(distinct), distinct, strict=True))
    matched, alone = match_bases(checkpoints, bases or {})
    notices = found.notices
    notices += [f"adapter {adapter!r} is on the base {base!r}" for adapter, base in matched.items()]
    notices += [
        f"adapter {adapter!r} stands alone: its base {checkpoints[adapter].base!r} is not among the checkpoints"
        for adapter in alone
    ]
    held = _held(checkpoints, matched)
    read: dict[SharedBy, int] = {}
    trace, cached_bytes = None, 0
    if way is SharedBy.CONTENT:
        contents = Contents(checkpoints, matched, ignore)
        cached_bytes = contents.hash(threads, DigestCache(cache), notices, progress)
        merged = merge(contents.of_models(), min_block_bytes, group_by == "layer")
        sizes, of_model = merged.sizes, merged.of_model
        trace = contents.trace(name, merged)
        read[way] = sum(sizes.values())
    else:
        blocks = cut(held, way)
        sizes, of_model = blocks.sizes, blocks.of_model
    library = ModelLibrary.from_dict(
        {
            "name": name,
            "shared_by": way.value,
            "blocks": sizes,
            "models": {
                model: Model(
                    blocks=of_model[model],
                    source=checkpoint.source,
                    base=matched.get(model),
                    rank=checkpoint.rank,
                    cache_bytes_per_token=checkpoints[matched.get(model, model)].cache_bytes_per_token,
                ).to_dict()
                for model, checkpoint in checkpoints.items()
            },
        }
    )
    files = {file for model in held.values() for file in model.all}
    return Scan(
        library,
        trace,
        notices + stored_twice(held),
        list(found.stores),
        sharing_text(held, read),
        len(files),
        sum(file.size_bytes for file in files),
        cached_bytes,
    )


def _require_fitting(way: SharedBy, counts_files: bool, cuts_tensors: bool) -> None:
    """Make sure that the options speak of what this way to share looks at."""
    if counts_files and way not in (SharedBy.STORE, SharedBy.NOBODY):
        raise UsageError(f"files that are not here can be counted by store or nobody, not by {way}: give --shared-by")
    if cuts_tensors and way is not SharedBy.CONTENT:
        raise UsageError(f"tensors are ignored, grouped and merged by content only, not by {way}")


def _distinct(found: Found) -> list[Checkpoint]:
    """Return each checkpoint once, however many paths and links lead to it.

    Raises
    ------
    InputError
        Nothing is left.
    """
    first: dict[tuple[object, ...], Checkpoint] = {}
    for checkpoint in found.checkpoints:
        known = first.setdefault(checkpoint.identity, checkpoint)
        if known is not checkpoint:
            found.notices.append(f"{as_text(str(checkpoint.place))} is {as_text(str(known.place))}: counted once")
    if not first:
        raise InputError([Finding("$", "nothing is left"), *(Finding("$", notice) for notice in found.notices)])
    return list(first.values())


def _held(checkpoints: Mapping[str, Checkpoint], bases: Mapping[str, str]) -> dict[str, ModelFiles]:
    """Return the files of each model, an adapter's base included."""

    def files(chosen: Iterable[WeightFile]) -> tuple[Held, ...]:
        return tuple(dict.fromkeys(file.held() for file in chosen))

    models = {}
    for model, checkpoint in checkpoints.items():
        base = checkpoints[bases[model]].weights if model in bases else checkpoint.files
        models[model] = ModelFiles(files(base), files(checkpoint.adapter_files))
    return models

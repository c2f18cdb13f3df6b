"""The scan turns checkpoints into a model library and a trace of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from edgeopt.errors import Finding, InputError
from edgeopt.libraries.checkpoints.bases import match_bases, model_names, require_fit
from edgeopt.libraries.checkpoints.cache import DigestCache
from edgeopt.libraries.checkpoints.discovery import Checkpoint, as_text, find_checkpoints
from edgeopt.libraries.checkpoints.hashing import ALGORITHM, digests
from edgeopt.libraries.checkpoints.header import Tensor, TensorFile, read_header
from edgeopt.libraries.checkpoints.merging import Blocks, Content, layer_of, merge
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.quantities import quantity

TRACE_FORMAT = "edgeopt-trace/1"


@dataclass(frozen=True)
class Scan:
    """The result of a scan.

    Attributes
    ----------
    library : ModelLibrary
    trace : dict
        JSON data: of each model its files, its base, and of each tensor the type, shape, digest and block.
    notices : list of str
        What the reader of the library should know: checkpoints given twice, adapters with and without their base.
    files, file_bytes : int
        Files of tensors, each counted once, and their bytes.
    cached_bytes : int
        Bytes of tensors whose digests were known from an earlier scan.
    """

    library: ModelLibrary
    trace: dict[str, Any]
    notices: list[str]
    files: int
    file_bytes: int
    cached_bytes: int

    def files_text(self) -> str:
        """Say what was read, in words and numbers with units."""
        known = f", {quantity(self.cached_bytes, 'B')} known from an earlier scan" if self.cached_bytes else ""
        return f"{self.files} with {quantity(self.file_bytes, 'B')}{known}"


def scan(
    paths: Iterable[str | Path],
    *,
    name: str = "library",
    bases: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    min_block_bytes: int = 0,
    group_by: Literal["layer"] | None = None,
    threads: int = 1,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scan:
    """Make a model library of checkpoints: tensors of equal type, shape and bytes are one.

    Parameters
    ----------
    paths : iterable of path
        Safetensors files, indexes of sharded checkpoints, and folders with such files at any depth.
    name : str
        Name of the library.
    bases : mapping of str to str, optional
        Base of adapters whose configuration does not tell it, both as names of models.
    ignore : sequence of str
        Patterns (``*.inv_freq``) of names of tensors that are left out.
    min_block_bytes : int
        What the same models share is copied into each of them when it has fewer bytes.
    group_by : "layer", optional
        Split blocks at layers.
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
        A name in `bases` is unknown.
    """
    distinct, notices = _distinct(find_checkpoints(map(Path, paths)))
    checkpoints = dict(zip(model_names(distinct), distinct, strict=True))
    matched, alone = match_bases(checkpoints, bases or {})
    notices += [f"adapter {adapter!r} is on the base {base!r}" for adapter, base in matched.items()]
    notices += [
        f"adapter {adapter!r} stands alone: its base {checkpoints[adapter].base!r} is not among the checkpoints"
        for adapter in alone
    ]
    files = {file: read_header(file) for checkpoint in distinct for file in checkpoint.shards}
    tensors = {model: _tensors(checkpoint, files) for model, checkpoint in checkpoints.items()}
    for adapter, base in matched.items():
        own, others = ([tensor for _, tensor in tensors[model]] for model in (adapter, base))
        require_fit(adapter, own, base, others, checkpoints[adapter].place)
    contents, cached_bytes = _contents(list(files.values()), threads, DigestCache(cache), notices, progress)

    kept = {
        model: [(file, tensor) for file, tensor in entries if not any(fnmatchcase(tensor.name, p) for p in ignore)]
        for model, entries in tensors.items()
    }
    layers: dict[str, dict[Content, str]] = {}
    for model, entries in kept.items():
        if not entries:
            remedy = "ignore less" if tensors[model] else "leave this file out"
            raise InputError(Finding("$", f"no tensor of {model!r} is left", remedy), checkpoints[model].place)
        layers[model] = {}
        for file, tensor in entries:
            layers[model].setdefault(contents[file.path, tensor.name], layer_of(tensor.name))
    whole = {model: layers[matched[model]] | own if model in matched else own for model, own in layers.items()}
    blocks = merge(whole, min_block_bytes, group_by == "layer")
    library = ModelLibrary.from_dict(
        {
            "name": name,
            "blocks": blocks.sizes,
            "models": {model: Model(blocks=held).to_dict() for model, held in blocks.of_model.items()},
        }
    )
    return Scan(
        library,
        _trace(name, kept, matched, contents, blocks),
        notices,
        len({file.stamp for file in files.values()}),
        sum(stamp.size_bytes for stamp in {file.stamp for file in files.values()}),
        cached_bytes,
    )


def _distinct(checkpoints: Iterable[Checkpoint]) -> tuple[list[Checkpoint], list[str]]:
    """Return each checkpoint once, however many paths and links lead to it."""
    first: dict[tuple[object, ...], Checkpoint] = {}
    notices = []
    for checkpoint in checkpoints:
        known = first.setdefault(checkpoint.identity, checkpoint)
        if known is not checkpoint:
            notices.append(f"{as_text(str(checkpoint.place))} is {as_text(str(known.place))}: counted once")
    return list(first.values()), notices


def _tensors(checkpoint: Checkpoint, files: Mapping[Path, TensorFile]) -> list[tuple[TensorFile, Tensor]]:
    """Return the tensors of a checkpoint with their files, checked against its index."""
    entries: list[tuple[TensorFile, Tensor]] = []
    for path, expected in checkpoint.shards.items():
        held = {tensor.name for tensor in files[path].tensors}
        if expected is not None and held != expected:
            tensor = min(held ^ expected)
            problem = f"{path.name!r} " + ("does not hold" if tensor in expected else "also holds") + f" {tensor!r}"
            remedy = "index and shards do not belong together: copy all again"
            raise InputError(Finding("$.weight_map", problem, remedy), checkpoint.place)
        entries += [(files[path], tensor) for tensor in files[path].tensors]
    return entries


def _contents(
    files: Sequence[TensorFile],
    threads: int,
    cache: DigestCache,
    notices: list[str],
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[tuple[Path, str], Content], int]:
    """Return the content of each tensor of each file, and the bytes that the cache knew."""
    contents: dict[tuple[Path, str], Content] = {}

    def take(file: TensorFile, digests: Sequence[str]) -> None:
        for tensor, digest in zip(file.tensors, digests, strict=True):
            contents[file.path, tensor.name] = Content(tensor.dtype, tensor.shape, digest, tensor.size_bytes)

    missing = []
    for file in files:
        known = cache.find(file)
        if known is None:
            missing.append(file)
        else:
            take(file, known)
    cached_bytes = sum(content.size_bytes for content in contents.values())
    total = sum(tensor.size_bytes for file in missing for tensor in file.tensors)
    done = 0

    def advance(further: int) -> None:
        nonlocal done
        done += further
        if progress is not None:
            progress(done, total)

    def finished(file: TensorFile, digests: list[str]) -> None:
        take(file, digests)
        cache.keep(file, digests)

    try:
        digests(missing, threads, finished, advance)
    finally:
        try:
            cache.write()
        except OSError as error:
            notices.append(f"the digests are not remembered: {error.strerror or error}")
    return contents, cached_bytes


def _trace(
    name: str,
    tensors: Mapping[str, Sequence[tuple[TensorFile, Tensor]]],
    bases: Mapping[str, str],
    contents: Mapping[tuple[Path, str], Content],
    blocks: Blocks,
) -> dict[str, Any]:
    """Say of each tensor of each model what it is and which block holds it; a base's tensors stand at the base."""
    models: dict[str, Any] = {}
    for model, entries in tensors.items():
        models[model] = {"base": bases[model]} if model in bases else {}
        models[model]["files"] = [as_text(str(path)) for path in dict.fromkeys(file.path for file, _ in entries)]
        models[model]["tensors"] = {
            tensor.name: {
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                ALGORITHM: contents[file.path, tensor.name].digest,
                "block": blocks.holding[model].get(contents[file.path, tensor.name]),
            }
            for file, tensor in entries
        }
    return {"format": TRACE_FORMAT, "library": name, "models": models}

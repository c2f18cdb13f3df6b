"""What models hold by content: the tensors of their files, each file hashed once, and the trace of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.libraries.checkpoints.bases import require_fit
from edgeopt.libraries.checkpoints.cache import DigestCache
from edgeopt.libraries.checkpoints.checkpoint import Checkpoint, WeightFile, as_text
from edgeopt.libraries.checkpoints.gguf import MAGIC, read_gguf
from edgeopt.libraries.checkpoints.hashing import ALGORITHM, digests
from edgeopt.libraries.checkpoints.header import Stamp, Tensor, TensorFile, is_header, read_header, whole_file
from edgeopt.libraries.checkpoints.merging import Blocks, Content, layer_of
from edgeopt.libraries.checkpoints.naming import GGUF_SUFFIX, SUFFIX

TRACE_FORMAT = "edgeopt-trace/1"


@dataclass(frozen=True)
class Entry:
    """A tensor of a model, and the file that holds it."""

    file: TensorFile
    tensor: Tensor


class Contents:
    """The tensors of checkpoints.

    Parameters
    ----------
    checkpoints : mapping of str to Checkpoint
        By the names of the models.
    bases : mapping of str to str
        The base of each adapter that has one among them.
    ignore : sequence of str
        Patterns of names of tensors that are left out.

    Raises
    ------
    InputError
        A file is not what it should be, or an adapter does not fit its base.
    """

    def __init__(self, checkpoints: Mapping[str, Checkpoint], bases: Mapping[str, str], ignore: Sequence[str]) -> None:
        self.bases = bases
        self.files: dict[tuple[int, int], TensorFile] = {}
        self._contents: dict[tuple[Stamp, str], Content] = {}
        entries = {
            model: [entry for file in checkpoint.weights for entry in self._entries(file, checkpoint)]
            for model, checkpoint in checkpoints.items()
        }
        for adapter, base in bases.items():
            own, others = ([entry.tensor for entry in entries[model]] for model in (adapter, base))
            require_fit(adapter, own, base, others, checkpoints[adapter].place)
        self.kept = {
            model: [entry for entry in held if not any(fnmatchcase(entry.tensor.name, p) for p in ignore)]
            for model, held in entries.items()
        }
        for model, held in self.kept.items():
            if not held:
                remedy = "ignore less" if entries[model] else "leave this file out"
                raise InputError(Finding("$", f"no tensor of {model!r} is left", remedy), checkpoints[model].place)

    def _entries(self, file: WeightFile, checkpoint: Checkpoint) -> list[Entry]:
        """Return the tensors of a file, checked against the index; the header of an inode is read once."""
        try:
            status = file.path.stat()
        except OSError as error:
            raise InputError(Finding("$", f"the file cannot be read: {error.strerror or error}"), file.path) from None
        inode = (status.st_dev, status.st_ino)
        if inode not in self.files:
            self.files[inode] = read_tensor_file(file.path)
        read = self.files[inode]
        held = {tensor.name for tensor in read.tensors}
        if file.tensors is not None and held != file.tensors:
            tensor = min(held ^ file.tensors)
            lies = "does not hold" if tensor in file.tensors else "also holds"
            problem = f"{file.path.name!r} {lies} {tensor!r}"
            remedy = "index and shards do not belong together: copy all again"
            raise InputError(Finding("$.weight_map", problem, remedy), checkpoint.place)
        return [Entry(read, tensor) for tensor in read.tensors]

    def hash(
        self,
        threads: int,
        cache: DigestCache,
        notices: list[str],
        progress: Callable[[int, int], None] | None,
    ) -> int:
        """Hash all tensors whose digests the cache does not know, and return the bytes that it knew."""

        def take(file: TensorFile, digests: Sequence[str]) -> None:
            for tensor, digest in zip(file.tensors, digests, strict=True):
                content = Content(tensor.dtype, tensor.shape, digest, tensor.size_bytes)
                self._contents[file.stamp, tensor.name] = content

        missing = []
        for file in self.files.values():
            known = cache.find(file)
            if known is None:
                missing.append(file)
            else:
                take(file, known)
        cached_bytes = sum(content.size_bytes for content in self._contents.values())
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
        return cached_bytes

    def content(self, entry: Entry) -> Content:
        """Return the content of a tensor that was hashed."""
        return self._contents[entry.file.stamp, entry.tensor.name]

    def of_models(self) -> dict[str, dict[Content, str]]:
        """Return the contents of each model, an adapter's base included, each with the layer of its first name."""
        own: dict[str, dict[Content, str]] = {model: {} for model in self.kept}
        for model, entries in self.kept.items():
            for entry in entries:
                own[model].setdefault(self.content(entry), layer_of(entry.tensor.name))
        return {model: own[self.bases[model]] | held if model in self.bases else held for model, held in own.items()}

    def trace(self, name: str, blocks: Blocks) -> dict[str, Any]:
        """Say of each tensor of each model what it is and which block holds it; a base's tensors stand at the base."""
        models: dict[str, Any] = {}
        for model, entries in self.kept.items():
            models[model] = {"base": self.bases[model]} if model in self.bases else {}
            models[model]["files"] = [as_text(str(path)) for path in dict.fromkeys(e.file.path for e in entries)]
            models[model]["tensors"] = {
                entry.tensor.name: {
                    "dtype": entry.tensor.dtype,
                    "shape": list(entry.tensor.shape),
                    ALGORITHM: self.content(entry).digest,
                    "block": blocks.holding[model].get(self.content(entry)),
                }
                for entry in entries
            }
        return {"format": TRACE_FORMAT, "library": name, "models": models}


def read_tensor_file(path: Path) -> TensorFile:
    """Read the header of a file, whatever its format; what has none is one tensor of bytes.

    Raises
    ------
    InputError
        The file cannot be read, or is not what its name or its first bytes say.
    """
    if path.name.endswith(SUFFIX):
        return read_header(path)
    try:
        with open(path, "rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise InputError(Finding("$", f"the file cannot be read: {error.strerror or error}"), path) from None
    if path.name.endswith(GGUF_SUFFIX) or start.startswith(MAGIC):
        file = read_gguf(path).file
        assert file is not None
        return file
    return read_header(path) if is_header(start) else whole_file(path)

"""Headers of safetensors files: which tensors a file holds, and where; the tensors themselves are not read.

The format is that of https://github.com/huggingface/safetensors: eight bytes N (little-endian), N bytes of JSON, data.
A header is taken only when its tensors cover the data exactly, without overlap and without gap.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from edgeopt.errors import Finding, InputError, suggestion
from edgeopt.files import parse_json

LENGTH_BYTES = 8
MOST_HEADER_BYTES = 100_000_000  # the limit of the published format
MOST_DIMENSIONS = 64
METADATA = "__metadata__"
BYTES = "bytes"  # no type of the format: a file that is not taken apart

DTYPE_BITS = {
    "F4": 4,
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file: its name, type, shape, and place, in bytes from the start of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor."""
        return self.end - self.start


@dataclass(frozen=True)
class Stamp:
    """The stamp distinguishes one state of a file from another without reading it."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take the stamp out of what the operating system says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True)
class TensorFile:
    """The header of a file, read at the state that the stamp states; the tensors are in the order of their bytes."""

    path: Path
    stamp: Stamp
    header_digest: str
    tensors: tuple[Tensor, ...]


def read_header(path: Path) -> TensorFile:
    """Read and check the header of a safetensors file.

    Raises
    ------
    InputError
        The file cannot be read, is cut off, or its header is not one of the format.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            stamp = Stamp.of(os.fstat(stream.fileno()))
            header = _header_bytes(stream, stamp.size_bytes, path)
    except OSError as error:
        raise InputError(Finding("$", f"the file cannot be read: {error.strerror or error}"), path) from None
    start = LENGTH_BYTES + len(header)
    tensors = _tensors(_parsed(header, path), start, stamp.size_bytes, path)
    return TensorFile(path, stamp, hashlib.sha256(header).hexdigest(), tensors)


def is_header(start: bytes) -> bool:
    """Say whether the first bytes of a file, 16 or all, are those of a safetensors file."""
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    return 2 <= length <= MOST_HEADER_BYTES and start[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{"


def whole_file(path: Path) -> TensorFile:
    """Take a file in which no tensors can be told apart, such as an archive, as one tensor of bytes."""
    try:
        stamp = Stamp.of(os.stat(path))
    except OSError as error:
        raise InputError(Finding("$", f"the file cannot be read: {error.strerror or error}"), path) from None
    return TensorFile(path, stamp, "", (Tensor(path.name, BYTES, (stamp.size_bytes,), 0, stamp.size_bytes),))


def _header_bytes(stream: BinaryIO, file_bytes: int, path: Path) -> bytes:
    length_field = stream.read(LENGTH_BYTES)
    if len(length_field) < LENGTH_BYTES:
        problem = f"the file has {len(length_field)} bytes, too few for a safetensors file"
        raise InputError(Finding("$", problem, "is it cut off?"), path)
    length = int.from_bytes(length_field, "little")
    if length > MOST_HEADER_BYTES:
        problem = f"the header would have {length:,} bytes; the format allows {MOST_HEADER_BYTES:,}"
        raise InputError(Finding("$", problem, "is this a safetensors file?"), path)
    if LENGTH_BYTES + length > file_bytes:
        problem = f"the header should have {length:,} bytes, and the file ends after {file_bytes:,}"
        raise InputError(Finding("$", problem, "the file is cut off: copy it again"), path)
    header = bytearray()
    while len(header) < length:
        piece = stream.read(length - len(header))
        if not piece:
            raise InputError(Finding("$", "the file became shorter while it was read"), path)
        header += piece
    return bytes(header)


def _parsed(header: bytes, path: Path) -> Mapping[str, Any]:
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"byte {LENGTH_BYTES + error.start} of the header is not UTF-8"
        raise InputError(Finding("$", problem, "is this a safetensors file?"), path) from None
    if not text.startswith("{"):
        raise InputError(Finding("$", "the header is not a JSON object", "is this a safetensors file?"), path)
    data = parse_json(text, path)
    if not isinstance(data.get(METADATA, {}), Mapping):
        raise InputError(Finding(f"$.{METADATA}", "should be an object of texts"), path)
    return {name: entry for name, entry in data.items() if name != METADATA}


def _tensors(header: Mapping[str, Any], start: int, file_bytes: int, path: Path) -> tuple[Tensor, ...]:
    findings = []
    tensors = []
    for name, entry in header.items():
        read = _tensor(name, entry, start)
        if isinstance(read, Finding):
            findings.append(read)
        else:
            tensors.append(read)
    if findings:
        raise InputError(findings, path)
    tensors.sort(key=lambda tensor: (tensor.start, tensor.end))
    reached, before = start, "the header"
    for tensor in tensors:
        if tensor.start != reached:
            word = "overlaps" if tensor.start < reached else "leaves a gap behind"
            problem = f"the tensor {word} {before}: it starts at byte {tensor.start - start:,}, not {reached - start:,}"
            raise InputError(Finding(f"$.{tensor.name}.data_offsets", problem), path)
        reached, before = tensor.end, repr(tensor.name)
    if reached != file_bytes:
        problem = f"the tensors end at byte {reached:,} of the file, the file at {file_bytes:,}"
        remedy = (
            "the file is cut off: copy it again" if reached > file_bytes else "the format allows nothing behind them"
        )
        raise InputError(Finding("$", problem, remedy), path)
    return tuple(tensors)


def _tensor(name: str, entry: Any, start: int) -> Tensor | Finding:
    """Check one entry of a header; `start` is where the data begin."""
    place = f"$.{name}"
    if not name.isascii() and name != name.encode("utf-8", "replace").decode("utf-8"):
        return Finding("$", f"the name {name!r} is not text", "it has half of a surrogate pair")
    if not isinstance(entry, Mapping):
        return Finding(place, "should be an object with dtype, shape and data_offsets")
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        return Finding(f"{place}.dtype", f"unknown type {dtype!r}", suggestion(str(dtype), list(DTYPE_BITS)))
    if not _counts(shape) or len(shape) > MOST_DIMENSIONS:
        return Finding(f"{place}.shape", "should be a list of whole numbers, at most 64 of them, from 0 to 2^64 - 1")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        return Finding(f"{place}.data_offsets", "should be two whole numbers, the first not above the second")
    bits = prod(shape) * DTYPE_BITS[dtype]
    if bits != 8 * (offsets[1] - offsets[0]):
        problem = f"{offsets[1] - offsets[0]:,} bytes for {shape} of {dtype}, which has {bits:,} bits"
        return Finding(f"{place}.data_offsets", problem)
    return Tensor(name, dtype, tuple(shape), start + offsets[0], start + offsets[1])


def _counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**64 for item in value)

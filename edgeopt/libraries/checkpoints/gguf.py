"""Headers of GGUF files: the fields that describe a model, and which tensors stand where; tensors are not read.

The format is that of https://github.com/ggml-org/ggml, docs/gguf.md, versions 2 and 3, little-endian: the magic, the
version, the numbers of tensors and of fields; fields; tensors; data from the next multiple of the alignment. Tensors
whose data overlap, end behind the file, or start beside the alignment are refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from struct import Struct
from typing import BinaryIO

from edgeopt.errors import Finding, InputError
from edgeopt.libraries.checkpoints.header import Stamp, Tensor, TensorFile

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT, ALIGNMENT_KEY = 32, "general.alignment"
MOST_DIMENSIONS = 4
MOST_HEADER_BYTES = 1 << 30  # the largest vocabularies take some 20 MB
FIRST_READ_BYTES = 1 << 16
VOCABULARY = 4096  # texts in a list; adapters and projectors have no list as long
SHORT_LIST = 4096  # numbers in a list that are kept: one for each layer, but not one for each token

Value = int | float | bool | str | list[int | float | bool]

# Number of a type: its name, the values of a block, the bytes of a block.
TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
SCALARS = {number: Struct("<" + code) for number, code in enumerate("BbHhIif?")} | {
    number: Struct("<" + code) for number, code in zip((10, 11, 12), "Qqd", strict=True)
}
STRING, ARRAY = 8, 9
U32, U64 = Struct("<I"), Struct("<Q")


@dataclass(frozen=True)
class Gguf:
    """The header of a file.

    Attributes
    ----------
    fields : dict of str to value
        Without lists of texts and long lists of numbers.
    file : TensorFile or None
        The tensors; None where the reader stopped at the vocabulary.
    """

    fields: dict[str, Value]
    file: TensorFile | None

    def text(self, key: str) -> str:
        """Return a field that is a text; empty when it is none, or missing."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else ""


def read_gguf(path: Path, whole: bool = True) -> Gguf:
    """Read and check the header of a GGUF file.

    Parameters
    ----------
    path : Path
    whole : bool
        Without it the reader stops at a vocabulary, before megabytes of words: what describes the model stands before.

    Raises
    ------
    InputError
        The file cannot be read, is cut off, or its header is not one of the format.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            stamp = Stamp.of(os.fstat(stream.fileno()))
            return _header(_Cursor(stream, stamp.size_bytes, path), stamp, whole)
    except OSError as error:
        raise InputError(Finding("$", f"the file cannot be read: {error.strerror or error}"), path) from None


class _Cursor:
    """A place in the header; the bytes before it and a piece behind it are in memory."""

    def __init__(self, stream: BinaryIO, file_bytes: int, path: Path) -> None:
        self.stream, self.file_bytes, self.path = stream, file_bytes, path
        self.held, self.place = bytearray(), 0

    def need(self, count: int) -> None:
        """Make sure that the next bytes are in memory."""
        end = self.place + count
        if end <= len(self.held):
            return
        if end > self.file_bytes:
            problem = f"the header goes on behind byte {self.file_bytes:,}, where the file ends"
            raise InputError(Finding("$", problem, "the file is cut off: copy it again"), self.path)
        if end > MOST_HEADER_BYTES:
            raise self.fault(f"the header would have more than {MOST_HEADER_BYTES:,} bytes", "is this a GGUF file?")
        target = min(max(end, 2 * len(self.held), FIRST_READ_BYTES), self.file_bytes, MOST_HEADER_BYTES)
        while len(self.held) < end:
            piece = self.stream.read(target - len(self.held))
            if not piece:
                raise self.fault("the file became shorter while it was read", "")
            self.held += piece

    def number(self, form: Struct = U64) -> int:
        """Take a number."""
        self.need(form.size)
        value: int = form.unpack_from(self.held, self.place)[0]
        self.place += form.size
        return value

    def text(self) -> str:
        """Take a text."""
        length = self.number()
        self.need(length)
        start, self.place = self.place, self.place + length
        try:
            return self.held[start : self.place].decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fault(f"byte {start + error.start:,} of the header is not UTF-8", "") from None

    def skip_texts(self, count: int) -> None:
        """Go past texts without making them."""
        unpack, place, held = U64.unpack_from, self.place, len(self.held)
        for _ in range(count):
            if place + 8 > held:
                self.place = place
                self.need(8)
                held = len(self.held)
            place += 8 + unpack(self.held, place)[0]
        self.place = place
        self.need(0)

    def fault(self, problem: str, remedy: str) -> InputError:
        """Return an error that names the file."""
        return InputError(Finding("$", problem, remedy), self.path)


def _header(cursor: _Cursor, stamp: Stamp, whole: bool) -> Gguf:
    cursor.need(min(4, cursor.file_bytes))
    if bytes(cursor.held[:4]) != MAGIC:
        raise cursor.fault(
            "this is not a GGUF file: it does not begin with 'GGUF'", "is it cut off, or another format?"
        )
    cursor.place = 4
    version = cursor.number(U32)
    if version not in VERSIONS:
        if version & 0xFFFF == 0 and version:
            raise cursor.fault("the file is big-endian, which is not read", "convert it to little-endian")
        raise cursor.fault(f"version {version} of GGUF is not read", f"known: {', '.join(map(str, VERSIONS))}")
    tensor_count, field_count = cursor.number(), cursor.number()
    fields: dict[str, Value] = {}
    seen: set[str] = set()
    for _ in range(field_count):
        key = cursor.text()
        if key in seen:
            raise cursor.fault(f"the field {key!r} stands twice", "")
        seen.add(key)
        kind = cursor.number(U32)
        if not whole and _is_vocabulary(cursor, kind):
            return Gguf(fields, None)
        value = _value(cursor, key, kind)
        if value is not None:
            fields[key] = value
    tensors = list(_tensors(cursor, tensor_count))
    alignment = fields.get(ALIGNMENT_KEY, ALIGNMENT)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise cursor.fault(f"the alignment {alignment!r} is no power of two", "")
    start = -(-cursor.place // alignment) * alignment
    digest = hashlib.sha256(cursor.held[: cursor.place]).hexdigest()
    return Gguf(fields, TensorFile(cursor.path, stamp, digest, _placed(tensors, start, alignment, cursor)))


def _is_vocabulary(cursor: _Cursor, kind: int) -> bool:
    if kind != ARRAY:
        return False
    cursor.need(12)
    item, count = U32.unpack_from(cursor.held, cursor.place)[0], U64.unpack_from(cursor.held, cursor.place + 4)[0]
    return item == STRING and count > VOCABULARY


def _value(cursor: _Cursor, key: str, kind: int) -> Value | None:
    """Take the value of a field; None for what is not kept."""
    if kind in SCALARS:
        return cursor.number(SCALARS[kind])
    if kind == STRING:
        return cursor.text()
    if kind != ARRAY:
        raise cursor.fault(f"the field {key!r} has the unknown type {kind}", "")
    item, count = cursor.number(U32), cursor.number()
    if item == STRING:
        cursor.skip_texts(count)
        return None
    if item not in SCALARS:
        raise cursor.fault(f"the list {key!r} has items of the unknown type {item}", "")
    form = SCALARS[item]
    cursor.need(count * form.size)
    start, cursor.place = cursor.place, cursor.place + count * form.size
    if count > SHORT_LIST:
        return None
    return [value for (value,) in form.iter_unpack(cursor.held[start : cursor.place])]


def _tensors(cursor: _Cursor, count: int) -> Iterator[Tensor]:
    """Take the tensors, their data counted from where the data begin."""
    names: set[str] = set()
    for _ in range(count):
        name = cursor.text()
        if name in names:
            raise cursor.fault(f"the tensor {name!r} stands twice", "")
        names.add(name)
        dimensions = cursor.number(U32)
        if dimensions > MOST_DIMENSIONS:
            raise cursor.fault(f"the tensor {name!r} has {dimensions} dimensions; the format allows 4", "")
        innermost_first = [cursor.number() for _ in range(dimensions)]
        kind, offset = cursor.number(U32), cursor.number()
        if kind not in TYPES:
            raise cursor.fault(
                f"the tensor {name!r} has the unknown type {kind}", "is this edgeopt older than the file?"
            )
        dtype, block, block_bytes = TYPES[kind]
        values = prod(innermost_first)
        if block > 1 and (not innermost_first or innermost_first[0] % block):
            raise cursor.fault(
                f"the rows of the tensor {name!r} are no multiple of {block} values, as {dtype} needs", ""
            )
        yield Tensor(name, dtype, tuple(innermost_first[::-1]), offset, offset + values // block * block_bytes)


def _placed(tensors: list[Tensor], start: int, alignment: int, cursor: _Cursor) -> tuple[Tensor, ...]:
    """Return the tensors with their places in the file, in the order of their bytes."""
    tensors.sort(key=lambda tensor: (tensor.start, tensor.end))
    reached, before = 0, ""
    for tensor in tensors:
        if tensor.start % alignment:
            raise cursor.fault(f"the tensor {tensor.name!r} does not start at a multiple of {alignment} bytes", "")
        if tensor.start < reached:
            raise cursor.fault(f"the tensor {tensor.name!r} overlaps {before!r}", "")
        if start + tensor.end > cursor.file_bytes:
            problem = (
                f"the tensor {tensor.name!r} ends at byte {start + tensor.end:,}, the file at {cursor.file_bytes:,}"
            )
            raise cursor.fault(problem, "the file is cut off: copy it again")
        reached, before = tensor.end, tensor.name
    return tuple(Tensor(t.name, t.dtype, t.shape, start + t.start, start + t.end) for t in tensors)

"""GGUF headers: the library `gguf` is the referee of what is read, and everything hostile is refused."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeopt.errors import InputError
from edgeopt.libraries.checkpoints import gguf as reader
from edgeopt.libraries.checkpoints.gguf import SCALARS, TYPES, read_gguf
from tests.libraries.checkpoints.stores import values, write_gguf


def text(content: str | bytes) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return struct.pack("<Q", len(data)) + data


def field(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def by_hand(
    folder: Path, *, fields: tuple[bytes, ...] = (), tensors: tuple[bytes, ...] = (), data: bytes = b"", **more: Any
) -> Path:
    """Write a file byte by byte, right or wrong; data begin at a multiple of 32."""
    counts = more.get("counts", (len(tensors), len(fields)))
    head = more.get("magic", b"GGUF") + struct.pack("<IQQ", more.get("version", 3), *counts)
    head += b"".join(fields) + b"".join(tensors)
    path = folder / "x.gguf"
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


def test_types_are_those_of_the_library() -> None:
    library = pytest.importorskip("gguf")
    expected = {kind.value: (kind.name, *sizes) for kind, sizes in library.GGML_QUANT_SIZES.items()}
    assert expected.items() <= TYPES.items()
    scalars = {kind.value for kind in library.GGUFValueType} - {8, 9}
    assert set(SCALARS) == scalars


def require_as_the_library_reads(path: Path) -> None:
    library = pytest.importorskip("gguf").GGUFReader(path)
    header = read_gguf(path)
    assert header.file is not None
    expected = {
        str(tensor.name): (
            tensor.tensor_type.name,
            tuple(int(size) for size in reversed(tensor.shape)),
            int(tensor.data_offset),
            int(tensor.n_bytes),
        )
        for tensor in library.tensors
    }
    found = {t.name: (t.dtype, t.shape, t.start, t.size_bytes) for t in header.file.tensors}
    assert found == expected
    for key, value in header.fields.items():
        assert value == pytest.approx(library.get_field(key).contents())
    untold = {key for key in library.fields if not key.startswith("GGUF.")} - set(header.fields)
    assert all(isinstance(library.get_field(key).contents(), list) for key in untold)


KINDS = ("Q4_0", "Q4_1", "Q5_0", "Q8_0", "Q2_K", "Q4_K", "Q6_K", "IQ4_NL", "IQ1_S", "TQ1_0", "MXFP4")
FIELDS = (
    ("string", "general.name", "Zoë’s"),
    ("uint8", "x.u8", 255),
    ("int8", "x.i8", -128),
    ("uint16", "x.u16", 65535),
    ("int16", "x.i16", -3),
    ("uint32", "x.u32", 2**32 - 1),
    ("int32", "x.i32", -(2**31)),
    ("float32", "x.f32", 0.5),
    ("bool", "x.yes", True),
    ("uint64", "x.u64", 2**64 - 1),
    ("int64", "x.i64", -(2**63)),
    ("float64", "x.f64", 1e300),
    ("array", "x.numbers", [1, 2, 3]),
    ("array", "x.words", ["", "a", "ü"]),
    ("array", "x.truths", [True, False]),
)


@pytest.mark.parametrize("align", [None, 8, 64, 4096])
def test_all_kinds_of_fields_and_tensors(tmp_path: Path, align: int | None) -> None:
    tensors = {f"t.{kind}": values(kind, 2, 512) for kind in KINDS}
    kinds = {f"t.{kind}": kind for kind in KINDS}
    plain = {np.dtype(dtype).name: np.ones((2, 3, 1), dtype) for dtype in ("f2", "f4", "f8", "i1", "i2", "i4", "i8")}
    path = write_gguf(tmp_path / "a.gguf", tensors | plain, kinds=kinds, fields=FIELDS, align=align)
    require_as_the_library_reads(path)
    header = read_gguf(path)
    assert header.fields["x.numbers"] == [1, 2, 3]
    assert header.fields["x.u64"] == 2**64 - 1
    assert "x.words" not in header.fields


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    shapes=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), max_size=6),
    align=st.sampled_from([None, 1, 16, 128]),
    words=st.lists(st.text(max_size=5), max_size=4),
)
def test_drawn_files(shapes: list[list[int]], align: int | None, words: list[str], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("gguf")
    tensors = {f"t{n}": np.full(shape, n, np.float32) for n, shape in enumerate(shapes)}
    fields = (("array", "x.words", words),) if words else ()
    require_as_the_library_reads(write_gguf(folder / "a.gguf", tensors, fields=fields, align=align))


def test_version_2_and_no_dimension(tmp_path: Path) -> None:
    path = by_hand(tmp_path, version=2, tensors=(tensor("s", (), 0, 0),), data=bytes(4))
    file = read_gguf(path).file
    assert file is not None
    assert [(t.shape, t.size_bytes) for t in file.tensors] == [((), 4)]


def test_a_vocabulary_stops_a_reader_in_a_hurry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word{n}" for n in range(5000)]
    before, behind = ("string", "general.type", "model"), ("uint32", "z.behind", 1)
    tensors = {"t": np.ones((2, 2), np.float32)}
    path = write_gguf(tmp_path / "a.gguf", tensors, fields=(before, ("array", "tokens", words), behind))
    monkeypatch.setattr(reader, "FIRST_READ_BYTES", 16)
    require_as_the_library_reads(path)
    short = read_gguf(path, whole=False)
    assert (short.file, short.text("general.type")) == (None, "model")
    assert "z.behind" not in short.fields
    few = write_gguf(tmp_path / "b.gguf", tensors, fields=(("array", "tokens", words[:100]), behind))
    assert read_gguf(few, whole=False) == read_gguf(few)


@pytest.mark.parametrize("whole", [True, False])
def test_every_truncation_is_refused(tmp_path: Path, whole: bool) -> None:
    path = write_gguf(tmp_path / "a.gguf", {"t": np.ones((3, 5), np.float32)}, fields=FIELDS)
    content = path.read_bytes()
    file = read_gguf(path).file
    assert file is not None
    for length in range(file.tensors[-1].end):
        path.write_bytes(content[:length])
        with pytest.raises(InputError) as caught:
            read_gguf(path, whole)
        assert caught.value.file == str(path)
        assert "GGUF" in str(caught.value) or "cut off" in str(caught.value)


F32 = tensor("a", (4,), 0, 0)
U64 = struct.pack("<Q", 7)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"magic": b"GGML"}, "does not begin with 'GGUF'"),
        ({"version": 1}, "version 1 of GGUF is not read (known: 2, 3)"),
        ({"version": 4}, "version 4 of GGUF is not read"),
        ({"version": 0}, "version 0 of GGUF is not read"),
        ({"version": 3 << 24}, "the file is big-endian, which is not read"),
        ({"counts": (0, 1)}, "cut off"),
        ({"counts": (1, 0)}, "cut off"),
        ({"counts": (2**64 - 1, 0)}, "cut off"),
        ({"fields": (field("k", 13, b""),)}, "the field 'k' has the unknown type 13"),
        ({"fields": (field("k", 9, struct.pack("<IQ", 9, 1)),)}, "the list 'k' has items of the unknown type 9"),
        ({"fields": (field("k", 9, struct.pack("<IQ", 10, 2**61)),)}, "cut off"),
        ({"fields": (field("k", 9, struct.pack("<IQ", 8, 2**61)),)}, "cut off"),
        ({"fields": (field("k", 9, struct.pack("<IQQ", 8, 1, 2**63)),)}, "cut off"),
        ({"fields": (field("k", 8, struct.pack("<Q", 2**64 - 1)),)}, "cut off"),
        ({"fields": (field("k", 10, U64), field("k", 10, U64))}, "the field 'k' stands twice"),
        ({"fields": (field(b"\xff", 10, U64),)}, "byte 32 of the header is not UTF-8"),
        ({"fields": (field("general.alignment", 4, struct.pack("<I", 0)),)}, "the alignment 0 is no power of two"),
        ({"fields": (field("general.alignment", 4, struct.pack("<I", 24)),)}, "the alignment 24 is no power of two"),
        ({"fields": (field("general.alignment", 8, text("32")),)}, "the alignment '32' is no power of two"),
        ({"tensors": (F32, F32), "data": bytes(64)}, "the tensor 'a' stands twice"),
        ({"tensors": (tensor("a", (1,) * 5, 0, 0),), "data": bytes(64)}, "has 5 dimensions; the format allows 4"),
        ({"tensors": (tensor("a", (4,), 4, 0),), "data": bytes(64)}, "the tensor 'a' has the unknown type 4"),
        ({"tensors": (tensor("a", (4,), 999, 0),), "data": bytes(64)}, "the tensor 'a' has the unknown type 999"),
        ({"tensors": (tensor("a", (33,), 8, 0),), "data": bytes(64)}, "no multiple of 32 values, as Q8_0 needs"),
        ({"tensors": (tensor("a", (), 8, 0),), "data": bytes(64)}, "no multiple of 32 values"),
        ({"tensors": (tensor("a", (4,), 0, 8),), "data": bytes(64)}, "does not start at a multiple of 32 bytes"),
        ({"tensors": (tensor("a", (9,), 0, 0), tensor("b", (1,), 0, 32)), "data": bytes(64)}, "'b' overlaps 'a'"),
        ({"tensors": (tensor("a", (2**40, 2**40), 0, 0),), "data": bytes(64)}, "cut off"),
        ({"tensors": (F32,), "data": bytes(15)}, "cut off"),
    ],
)
def test_hostile_files(tmp_path: Path, content: dict[str, Any], told: str) -> None:
    path = by_hand(tmp_path, **content)
    with pytest.raises(InputError) as caught:
        read_gguf(path)
    assert told in str(caught.value)
    assert caught.value.file == str(path)


def test_a_header_of_no_size_that_is_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_HEADER_BYTES", 100)
    with pytest.raises(InputError, match="more than 100 bytes"):
        read_gguf(by_hand(tmp_path, fields=(field("k", 8, text("x" * 200)),)))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").symlink_to(tmp_path / "a.gguf")
    for path in (tmp_path / "nothing.gguf", tmp_path / "a.gguf", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_gguf(path)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place: int, byte: int, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("gguf")
    path = by_hand(
        folder,
        fields=(field("general.name", 8, text("x")), field("k", 9, struct.pack("<IQ", 4, 3) + bytes(12))),
        tensors=(tensor("a", (4,), 0, 0), tensor("b", (32, 2), 8, 32)),
        data=bytes(100),
    )
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content)
    try:
        file = read_gguf(path).file
    except InputError:
        return
    assert file is not None
    reached = 0
    for found in file.tensors:
        assert reached <= found.start <= found.end <= len(content)
        reached = found.end

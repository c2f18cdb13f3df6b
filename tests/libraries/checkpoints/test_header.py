"""Headers are read as the format says, and refused clearly when they are not of the format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from edgeopt.errors import InputError
from edgeopt.libraries.checkpoints.header import MOST_HEADER_BYTES, read_header
from tests.libraries.checkpoints.files import network, raw, write

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def entry(**changes: Any) -> dict[str, Any]:
    return {"t": ENTRY | changes}


def test_tensors_are_where_the_header_says(tmp_path: Path) -> None:
    tensors = network(1) | {"half": np.ones(3, np.float16), "scalar": np.array(7.0), "none": np.zeros((0, 3))}
    path = write(tmp_path, tensors)
    content, found = path.read_bytes(), read_header(path)
    assert {tensor.name for tensor in found.tensors} == set(tensors)
    for tensor in found.tensors:
        array = tensors[tensor.name]
        assert (tensor.shape, tensor.size_bytes) == (array.shape, array.nbytes)
        assert content[tensor.start : tensor.end] == array.tobytes()
    assert found.stamp.size_bytes == len(content)


def test_metadata_and_padding_are_no_tensors(tmp_path: Path) -> None:
    save_file({"a": np.ones(2)}, tmp_path / "a.safetensors", {"format": "np"})
    assert [tensor.name for tensor in read_header(tmp_path / "a.safetensors").tensors] == ["a"]
    padded = raw(tmp_path / "b.safetensors", '{"t":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}   ', b"x")
    assert read_header(padded).tensors[0].size_bytes == 1


@pytest.mark.parametrize(("dtype", "shape", "size"), [("F4", [4], 2), ("F6_E2M3", [4, 2], 6), ("C64", [3], 24)])
def test_types_of_other_widths(tmp_path: Path, dtype: str, shape: list[int], size: int) -> None:
    path = raw(tmp_path / "a.safetensors", entry(dtype=dtype, shape=shape, data_offsets=[0, size]), bytes(size))
    assert read_header(path).tensors[0].size_bytes == size


@pytest.mark.parametrize(
    ("header", "data", "length", "words"),
    [
        (b"", b"", 2**63, "would have 9,223,372,036,854,775,808 bytes"),
        (b"", b"", MOST_HEADER_BYTES + 1, "the format allows 100,000,000"),
        (b"{}", b"", 1000, "the file is cut off"),
        (b"", b"", 0, "not a JSON object"),
        (b"[]", b"", None, "not a JSON object"),
        (b"{\xff}", b"", None, "byte 9 of the header is not UTF-8"),
        (b"{nonsense", b"", None, "is not JSON"),
        (b"{" * 100_000, b"", None, "not JSON|nested too deeply"),
        ('{"t":' + "[" * 100_000, b"", None, "not JSON|nested too deeply"),
        ('{"a":{},"a":{}}', b"", None, "the key 'a' stands twice"),
        ('{"a":{"dtype":"I8","dtype":"F32","shape":[1],"data_offsets":[0,1]}}', b"x", None, "'dtype' stands twice"),
        ('{"a":{"shape":[' + "9" * 5000 + "]}}", b"", None, "not JSON that can be read"),
        ({"__metadata__": 3}, b"", None, "should be an object of texts"),
        ({"t": 3}, b"", None, "should be an object with dtype"),
        ('{"\\ud800":{}}', b"", None, "is not text"),
        (entry(dtype="F31"), bytes(8), None, "unknown type 'F31'"),
        (entry(dtype=["F32"]), bytes(8), None, "unknown type"),
        (entry(shape=[-2]), bytes(8), None, "whole numbers"),
        (entry(shape=[2.0]), bytes(8), None, "whole numbers"),
        (entry(shape=[True, 2]), bytes(8), None, "whole numbers"),
        (entry(shape=None), bytes(8), None, "whole numbers"),
        (entry(shape=[1] * 65), bytes(8), None, "at most 64"),
        (entry(shape=[2**63, 2**63, 2**63]), bytes(8), None, "bits"),
        (entry(shape=[2**63] * 64), bytes(8), None, "bits"),
        (entry(shape=[3]), bytes(8), None, "8 bytes for"),
        (entry(dtype="F4", shape=[3], data_offsets=[0, 1]), bytes(1), None, "12 bits"),
        (entry(data_offsets=[8, 0]), bytes(8), None, "not above the second"),
        (entry(data_offsets=[-8, 0]), bytes(8), None, "whole numbers"),
        (entry(data_offsets=[0, 8, 8]), bytes(8), None, "two whole numbers"),
        (entry(data_offsets="08"), bytes(8), None, "two whole numbers"),
        (entry(), bytes(7), None, "the file is cut off"),
        (entry(), bytes(9), None, "nothing behind them"),
        (entry(data_offsets=[8, 16]), bytes(16), None, "leaves a gap behind the header"),
        (entry(data_offsets=[2**62, 2**62 + 8]), bytes(8), None, "leaves a gap"),
        ({"a": ENTRY, "b": ENTRY}, bytes(8), None, "overlaps 'a'"),
        ({"a": ENTRY, "b": ENTRY | {"data_offsets": [4, 12]}}, bytes(12), None, "overlaps 'a'"),
        ({"a": ENTRY, "b": ENTRY | {"data_offsets": [9, 17]}}, bytes(17), None, "leaves a gap behind 'a'"),
    ],
)
def test_hostile_headers(tmp_path: Path, header: Any, data: bytes, length: int | None, words: str) -> None:
    path = raw(tmp_path / "bad.safetensors", header, data, length)
    with pytest.raises(InputError, match=words) as caught:
        read_header(path)
    assert caught.value.file == str(path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    content = write(tmp_path, {"a": np.ones(3, np.float32), "b": np.ones(2, np.float64)}).read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            read_header(path)
    path.write_bytes(content)
    read_header(path)


VALUES = st.one_of(st.none(), st.integers(-9, 20), st.floats(0, 9), st.text(max_size=3), st.lists(st.integers(-1, 9)))
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "I8", "F4", "F31"]) | VALUES,
        "shape": st.lists(st.integers(0, 4), max_size=3) | VALUES,
        "data_offsets": st.lists(st.integers(0, 24), min_size=2, max_size=2) | VALUES,
    }
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), ENTRIES | VALUES, max_size=3), st.binary(max_size=24))
def test_nothing_is_taken_that_the_library_refuses(
    tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any], data: bytes
) -> None:
    path = raw(tmp_path_factory.getbasetemp() / "drawn.safetensors", header, data)
    try:
        found = read_header(path)
    except InputError:
        return
    try:
        with safe_open(path, framework="np") as stream:
            assert set(stream.keys()) == {tensor.name for tensor in found.tensors}
    except SafetensorError as error:
        pytest.fail(f"{header} is refused by the library: {error}")

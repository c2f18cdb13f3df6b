"""Files of arrays from strangers: refused with one message, without taking the memory that they ask for."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgeopt.caching.agents import arrays_file
from edgeopt.caching.agents.arrays_file import read_arrays, write_arrays
from edgeopt.errors import InputError

FORM = "edgeopt-policy/1"


def written(path: Path, header: str, shape: tuple[int, ...], content: bytes) -> Path:
    """Write an archive of a header and of one array, whose own header states a shape."""
    start, named = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(start, {"descr": "<f8", "fortran_order": False, "shape": shape})
    np.save(named, np.array(header))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", named.getvalue())
        archive.writestr("a.npy", start.getvalue() + content)
    return path


def test_what_inflates_beyond_the_limit_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "p.npz", json.dumps({"format": FORM}), (12_500,), bytes(100_000))
    assert path.stat().st_size < 10_000
    assert read_arrays(path, FORM, "a test")[1]["a"].shape == (12_500,)
    monkeypatch.setattr(arrays_file, "LARGEST_BYTES", 50_000)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("it is unpacked"))
    with pytest.raises(InputError, match=r"would take 1\d\d,\d{3} bytes of memory, more than 50,000"):
        read_arrays(path, FORM, "a test")


@pytest.mark.parametrize("shape", [(10**15,), (-5,), (2**62, 2**62)])
def test_shapes_that_the_file_does_not_hold_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="foreign or damaged"):
        read_arrays(written(tmp_path / "p.npz", json.dumps({"format": FORM}), shape, b""), FORM, "a test")


def test_a_header_nested_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="foreign or damaged"):
        read_arrays(written(tmp_path / "p.npz", "[" * 100_000, (0,), b""), FORM, "a test")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_arrays(path, {"format": FORM}, {"a": np.arange(3.0)})
    header, arrays = read_arrays(path, FORM, "a test")
    assert header == {"format": FORM}
    assert arrays["a"].tolist() == [0.0, 1.0, 2.0]

"""Files of named arrays with a header: written whole or not at all, read without running anything in them."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import Finding, InputError
from edgeopt.files import write_bytes

Arrays = dict[str, NDArray[Any]]

HEADER = "header"
LARGEST_BYTES = 1 << 30  # of all arrays together, unpacked


def write_arrays(path: str | Path, header: dict[str, Any], arrays: Arrays) -> None:
    """Write a header, which names the format, and arrays in NumPy's compressed archive format."""
    stream = io.BytesIO()
    entries: dict[str, Any] = {HEADER: np.array(json.dumps(header)), **arrays}
    np.savez_compressed(stream, **entries)
    write_bytes(path, stream.getvalue())


def read_arrays(path: str | Path, form: str, made_by: str) -> tuple[dict[str, Any], Arrays]:
    """Read a file of `write_arrays`; nothing in it is executed.

    Parameters
    ----------
    path : path
    form : str
        The format that the header should name.
    made_by : str
        What makes such files, for the error.

    Raises
    ------
    InputError
        The file is missing, damaged, or of another format.
    """
    remedy = f"it should be a file that {made_by} wrote, of format {form!r}"
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(Finding("$", "there is no such file"), path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(Finding("$", f"the file cannot be read: {reason}"), path) from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST_BYTES:
            problem = f"its arrays would take {unpacked:,} bytes of memory, more than {LARGEST_BYTES:,}"
            raise InputError(Finding("$", problem, remedy), path)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop(HEADER)))
    except (
        ValueError,
        KeyError,
        EOFError,
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        TypeError,
        AttributeError,
        MemoryError,
        RecursionError,
    ):
        raise InputError(Finding("$", "the file is foreign or damaged", remedy), path) from None
    stated = header.get("format") if isinstance(header, dict) else None
    if stated != form:
        raise InputError(Finding("$", f"its format is {stated!r}", remedy), path)
    for name, array in arrays.items():
        if array.dtype.kind not in "fiuU" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
            raise InputError(Finding("$", f"the array {name!r} holds what is no finite number", remedy), path)
    return header, arrays

"""The disk under a store, and one timed read of its largest file.

A model cannot be loaded faster than its file is read: the rate is an upper bound of the load rate, not an estimate. The
system is asked to forget the file before, and whether it did is looked up: what is read from memory says nothing about
the disk.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeopt.errors import Finding, InputError
from edgeopt.libraries.checkpoints.checkpoint import as_text
from edgeopt.libraries.checkpoints.walking import files_of_folders

LEAST_BYTES = 64 * 10**6  # a smaller read is over before it can be timed
MOST_BYTES = 2 << 30
LONGEST_S = 10.0
BUFFER_BYTES = 1 << 24


def disk_of(path: Path) -> dict[str, Any]:
    """Return the path, the bytes of its disk, all and free, and of one read the rate and whether it was cold.

    Raises
    ------
    InputError
        The path does not exist, or a folder or file cannot be read.
    """
    if not path.exists():
        raise InputError(Finding("$", "there is no such file or folder"), path)
    usage = shutil.disk_usage(path)
    facts = {"path": as_text(str(path.absolute())), "total_bytes": usage.total, "free_bytes": usage.free}
    largest = max(_files(path), default=(0, path))
    if largest[0] < LEAST_BYTES:
        return facts
    rate, cold = timed_read(largest[1])
    return facts | {"read_bytes_per_s": float(f"{rate:.4g}"), "cold": cold}


def _files(path: Path) -> Iterator[tuple[int, Path]]:
    """Yield the sizes of the files at a path, and where they are."""
    places = [(path.parent, [path.name])] if path.is_file() else files_of_folders(path)
    for folder, names in places:
        for name in names:
            try:
                status = (folder / name).stat()
            except OSError:  # links that lead nowhere
                continue
            if stat.S_ISREG(status.st_mode):
                yield status.st_size, folder / name


def timed_read(path: Path) -> tuple[float, bool]:
    """Read the first bytes of a file once, and return the bytes a second, and whether none of them was in memory.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            size = min(os.fstat(stream.fileno()).st_size, MOST_BYTES)
            cold = _forget(stream.fileno(), size)
            buffer, read, start = memoryview(bytearray(BUFFER_BYTES)), 0, time.perf_counter()
            while read < size and time.perf_counter() - start < LONGEST_S:
                got = stream.readinto(buffer[: size - read])
                if not got:
                    break
                read += got
            return max(read, 1) / max(time.perf_counter() - start, 1e-9), cold
    except OSError as error:
        raise InputError(Finding("$", f"the file cannot be read: {error.strerror or error}"), path) from None


def _forget(descriptor: int, size: int) -> bool:
    """Ask the system to forget the first bytes of a file, and say whether it has."""
    if not hasattr(os, "posix_fadvise"):
        return False
    os.fsync(descriptor)  # what is not written yet cannot be forgotten
    os.posix_fadvise(descriptor, 0, size, os.POSIX_FADV_DONTNEED)
    return _in_memory(descriptor, size) == 0


def _in_memory(descriptor: int, size: int) -> int | None:
    """Return how many pages of the first bytes of a file the system has in memory; None where it does not tell."""
    mincore = getattr(ctypes.CDLL(None, use_errno=True), "mincore", None)
    if mincore is None or not size:
        return None
    pages = np.zeros(-(-size // mmap.PAGESIZE), dtype=np.uint8)
    with mmap.mmap(descriptor, size, prot=mmap.PROT_READ) as mapped:
        view = np.frombuffer(mapped, dtype=np.uint8)
        mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
        failed = mincore(view.ctypes.data, size, pages.ctypes.data)
        del view
    return None if failed else int((pages & 1).sum())

"""Folders and what lies in them, links followed, each folder once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edgeopt.errors import Finding, InputError


def files_of_folders(
    root: Path, stop_at: Callable[[Path, list[str], list[str]], bool] = lambda *_: False
) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder at any depth with the names of its files; loops of links end.

    Parameters
    ----------
    root : Path
    stop_at : callable
        Told a folder, the names of its folders, and those of its files; when it returns True, the folder is not yielded
        and nothing below it is looked at.

    Raises
    ------
    InputError
        A folder cannot be read.
    """

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise InputError(Finding("$", f"the folder cannot be read: {error.strerror}"), error.filename)

    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=fail):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        if stop_at(Path(folder), subfolders, names):
            subfolders.clear()
        else:
            yield Path(folder), names

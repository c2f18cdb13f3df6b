"""A cache of what was hashed before: the digests of files whose stamp and header are unchanged."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError
from edgeopt.files import format_json, read_json, write_text
from edgeopt.libraries.checkpoints.checkpoint import as_text
from edgeopt.libraries.checkpoints.hashing import ALGORITHM
from edgeopt.libraries.checkpoints.header import TensorFile

CACHE_FORMAT = "edgeopt-digests/1"
# Time stamps are coarse (2 s at worst): a file that young could change once more without a new stamp.
YOUNG_NS = 2_000_000_000
DIGEST = re.compile("[0-9a-f]{64}")


def default_cache() -> Path:
    """Return where digests are kept: in the folder that the system has for a user's caches."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return folder / "edgeopt" / "digests.json"


class DigestCache:
    """Digests of the tensors of files, in a file of their own; without a path nothing is remembered.

    Raises
    ------
    InputError
        What stands at the path is no such file.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._entries: dict[str, Any] = {}
        self._grown = False
        if path is not None and path.exists():
            data = read_json(path)
            if not isinstance(data, Mapping) or data.get("format") != CACHE_FORMAT:
                remedy = "remove it, or name another file with --cache"
                raise InputError(Finding("$.format", f"this is no cache of digests ({CACHE_FORMAT})", remedy), path)
            if data.get("algorithm") == ALGORITHM and isinstance(data.get("files"), Mapping):
                self._entries = dict(data["files"])

    def find(self, file: TensorFile) -> list[str] | None:
        """Return the digests of the file's tensors in order, or None when they have to be computed."""
        entry = self._entries.get(_key(file))
        if not isinstance(entry, Mapping):
            return None
        if entry.get("stamp") != list(astuple(file.stamp)) or entry.get("header") != file.header_digest:
            return None
        digests = entry.get("digests")
        if not isinstance(digests, list) or len(digests) != len(file.tensors):
            return None
        return digests if all(isinstance(digest, str) and DIGEST.fullmatch(digest) for digest in digests) else None

    def keep(self, file: TensorFile, digests: list[str]) -> None:
        """Remember the digests of a file, unless the file is so young that its stamp may not tell a change."""
        if time.time_ns() - max(file.stamp.modified_ns, file.stamp.changed_ns) < YOUNG_NS:
            return
        self._entries[_key(file)] = {
            "stamp": list(astuple(file.stamp)),
            "header": file.header_digest,
            "digests": digests,
        }
        self._grown = True

    def write(self) -> None:
        """Write what is new, whole or not at all.

        Raises
        ------
        OSError
            Nothing can be written there.
        """
        if self.path is None or not self._grown:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, format_json({"format": CACHE_FORMAT, "algorithm": ALGORITHM, "files": self._entries}))
        self._grown = False


def _key(file: TensorFile) -> str:
    return as_text(os.path.realpath(file.path))

"""A checkpoint is the files of one model, wherever they lie, and what its store says of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from edgeopt.errors import Finding, InputError


@dataclass(frozen=True)
class Listed:
    """What a store lists of a file: its size, and what tells it from the store's other files."""

    key: str
    size_bytes: int


@dataclass(frozen=True)
class WeightFile:
    """A file of a model.

    Attributes
    ----------
    path : Path
        Where it is, or would be.
    tensors : frozenset of str, optional
        Names of the tensors that an index promises.
    listed : Listed, optional
        What counts in place of the file on the disk: of files that are not here, or that a cache shares by a key.
    sha256 : str, optional
        The digest that the store's name for the file states. It is not trusted, only told.
    """

    path: Path
    tensors: frozenset[str] | None = None
    listed: Listed | None = None
    sha256: str | None = None

    @property
    def is_here(self) -> bool:
        """Say whether the file is on the disk."""
        return self.path.is_file()

    @property
    def place(self) -> str:
        """Equal for two ways to the same file."""
        return os.path.realpath(self.path) if self.listed is None or self.is_here else self.listed.key

    def held(self) -> Held:
        """Return what the file is, and its size: by device and inode, or as the store lists it.

        Raises
        ------
        InputError
            It cannot be looked at.
        """
        try:
            status = self.path.stat() if self.listed is None or self.is_here else None
        except OSError as error:
            raise InputError(Finding("$", f"the file cannot be read: {error.strerror or error}"), self.path) from None
        if self.listed is not None:
            return Held(self.listed.key, status.st_size if status else self.listed.size_bytes, self.path, self.sha256)
        assert status is not None
        return Held((status.st_dev, status.st_ino), status.st_size, self.path, self.sha256)


@dataclass(frozen=True)
class Held:
    """A file as a thing that takes space; files with equal keys are one."""

    key: object
    size_bytes: int = field(compare=False)
    path: Path = field(compare=False)
    sha256: str | None = field(compare=False, default=None)


@dataclass(frozen=True)
class Checkpoint:
    """The files of one model.

    Attributes
    ----------
    place : Path
        The file, index, manifest or folder that stands for the model.
    name_parts : tuple of str
        What names the model, from general to particular.
    source : str
        Where the model came from, as a URI.
    files : tuple of WeightFile
        What a process loads before any adapter: the model, or nothing when the base is another checkpoint.
    adapter_files : tuple of WeightFile
        What it loads of an adapter.
    base : str, optional
        For an adapter on another checkpoint, the base as the adapter names it; empty when it names none.
    owner : str
        What tells models of the same files apart: the repository's folder, or the manifest; empty for plain files.
    is_main : bool
        Whether it is what the main branch of its repository holds.
    rank : int, optional
        The largest rank of an adapter.
    cache_bytes_per_token : int, optional
        Bytes of the key-value cache for each token of context.
    """

    place: Path
    name_parts: tuple[str, ...]
    source: str
    files: tuple[WeightFile, ...]
    adapter_files: tuple[WeightFile, ...] = ()
    base: str | None = None
    owner: str = ""
    is_main: bool = False
    rank: int | None = None
    cache_bytes_per_token: int | None = None

    @property
    def weights(self) -> tuple[WeightFile, ...]:
        """All files of the checkpoint."""
        return self.files + self.adapter_files

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two ways to the same model: files of the same owner on the same base."""
        return (self.owner, self.base, *sorted(file.place for file in self.weights))


def as_text(path: str) -> str:
    """Return the path as text that can be written as UTF-8, whatever bytes the file system has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass
class Found:
    """What was found: models, what was left out and why, and the kinds of stores.

    Attributes
    ----------
    checkpoints : list of Checkpoint
    notices : list of str
    left_out : int
        Models that are not complete here.
    stores : dict of str to None
        Kinds of stores in the order in which they were found.
    """

    checkpoints: list[Checkpoint] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    left_out: int = 0
    stores: dict[str, None] = field(default_factory=dict)

    def leave_out(self, label: str, reason: str) -> None:
        """Note a model that is not complete here."""
        self.left_out += 1
        self.notices.append(f"{label}: {reason}: left out")

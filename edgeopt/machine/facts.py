"""The facts of a machine as a file: `edgeopt-machine/1`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edgeopt.files import format_json, read_json, write_text
from edgeopt.frozen import ListOf
from edgeopt.libraries.checkpoints.stores import known_stores
from edgeopt.machine.disks import disk_of
from edgeopt.machine.gpus import gpus_of_nvidia
from edgeopt.quantities import quantity
from edgeopt.record import Bytes, Positive, Record

MACHINE_FORMAT: Final = "edgeopt-machine/1"


class Gpu(Record):
    """A GPU.

    Attributes
    ----------
    name : str
        ``gpu0`` is the first.
    model : str, optional
        What its maker calls it.
    memory_bytes : int
    free_bytes : int, optional
        What no process holds now.
    """

    name: str
    model: str | None = None
    memory_bytes: Bytes
    free_bytes: Bytes | None = None

    def __str__(self) -> str:
        free = f", {quantity(self.free_bytes, 'B')} free" if self.free_bytes is not None else ""
        return f"{self.model or 'as told'}, {quantity(self.memory_bytes, 'B')}{free}"


class Disk(Record):
    """The disk under a store of models.

    Attributes
    ----------
    path : str
        The store.
    total_bytes, free_bytes : int
    read_bytes_per_s : float, optional
        Rate of one read of the largest file: loading into a GPU is no faster. Missing where no file is large enough.
    cold : bool, optional
        Whether nothing of what was read was in the system's memory. Otherwise the disk may be slower than the rate.
    """

    path: str
    total_bytes: Bytes
    free_bytes: Bytes
    read_bytes_per_s: Positive | None = None
    cold: bool | None = None

    def __str__(self) -> str:
        free = f"{self.path}, {quantity(self.free_bytes, 'B')} free"
        if self.read_bytes_per_s is None:
            return f"{free}, not read: no file is large enough to time"
        how = "cold" if self.cold else "partly from memory: the disk may be slower"
        return f"{free}, read at {quantity(self.read_bytes_per_s, 'B/s')} ({how}; loading is no faster)"


class Machine(Record):
    """The GPUs of a machine and the disks under its stores of models.

    Attributes
    ----------
    gpus : list of Gpu
    disks : list of Disk
    """

    format: Literal["edgeopt-machine/1"] = MACHINE_FORMAT
    gpus: ListOf[Gpu]
    disks: ListOf[Disk]

    @classmethod
    def read(cls, path: str | Path) -> Machine:
        """Read a file of facts."""
        return cls.from_dict(read_json(path), file=path)

    def write(self, path: str | Path) -> None:
        """Write the facts as a file, whole or not at all."""
        write_text(path, format_json(self.to_dict()))


@dataclass(frozen=True)
class Look:
    """What a look at the machine found, and what its reader should know."""

    machine: Machine
    notices: list[str]


def look(paths: Iterable[str | Path] = (), memory_bytes: int | None = None) -> Look:
    """Look at the machine; nothing is changed.

    Parameters
    ----------
    paths : iterable of path
        Files or folders whose disks are looked at; by default the known stores.
    memory_bytes : int, optional
        Memory of a GPU that no program tells of, in place of those that one does.

    Raises
    ------
    InputError
        A path does not exist, or cannot be read.
    """
    notices: list[str] = []
    if memory_bytes is None:
        gpus = [
            Gpu(name=f"gpu{index}", model=model, memory_bytes=total, free_bytes=free)
            for index, model, total, free in gpus_of_nvidia(notices)
        ]
    else:
        gpus = [Gpu(name="gpu0", memory_bytes=memory_bytes)]
    given = [Path(path) for path in paths] or known_stores()
    if not given:
        notices.append("no store of models is known here: name paths")
    disks = [Disk(**disk_of(path)) for path in given]
    return Look(Machine(gpus=gpus, disks=disks), notices)

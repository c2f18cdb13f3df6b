"""Footprints: the memory that a model takes on a GPU when it is loaded, measured, or estimated from its files.

A measured footprint is what `nvidia-smi` or Ollama's ``/api/ps`` (``size_vram``) shows. An estimated one is the
weights, the key-value cache of the context, and an overhead. Both are written into the library as blocks: what is no
weights is a block of its own, which takes memory and no time to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeopt.errors import Finding, InputError, UsageError, suggestion
from edgeopt.libraries.library import ModelLibrary
from edgeopt.libraries.shared_by import SharedBy
from edgeopt.measured.tables import read_table

COLUMNS = {"model": ("model", "name"), "bytes": ("bytes", "size_vram", "footprint_bytes")}
MOST_BYTES = 1e15
OVERHEAD_BYTES = 10**9  # our choice: buffers, graphs and the runtime's own memory
ENDING = "/memory"


@dataclass(frozen=True)
class Footprints:
    """A library whose models have the sizes of their footprints.

    Attributes
    ----------
    library : ModelLibrary
    reserved : frozenset of str
        Its blocks that are no weights: they take memory, and nothing is read for them.
    estimated : tuple of str
        Models without a measured footprint.
    without_cache : tuple of str
        Those of them whose files do not tell the size of their key-value cache: none is counted.
    """

    library: ModelLibrary
    reserved: frozenset[str]
    estimated: tuple[str, ...]
    without_cache: tuple[str, ...]


def read_footprints(path: str | Path) -> dict[str, int]:
    """Read a CSV file with the columns ``model`` and ``bytes``.

    Raises
    ------
    InputError
        Names the file, the line and the column.
    """
    table = read_table(path, COLUMNS)
    sizes = table.numbers("bytes", 1, MOST_BYTES, whole=True).astype(int).tolist()
    measured: dict[str, int] = {}
    for row, model in enumerate(table.cells["model"]):
        if not model:
            raise table.fault(row, "model", "the cell is empty", "name the model in each row")
        if model in measured:
            raise table.fault(row, "model", f"the model {model!r} stands twice", "give each model one footprint")
        measured[model] = sizes[row]
    return measured


def with_footprints(
    library: ModelLibrary,
    measured: Mapping[str, int],
    context_tokens: int = 0,
    overhead_bytes: int = OVERHEAD_BYTES,
) -> Footprints:
    """Return the library with the memory that its models take on a GPU.

    Adapters that one process serves (``lora``) share what the process takes beside the weights: the most that any of
    them needs.

    Parameters
    ----------
    library : ModelLibrary
    measured : mapping of str to int
        Footprints in bytes of some models.
    context_tokens : int
        Tokens of context that the others have room for.
    overhead_bytes : int
        What the others take beside weights and context.

    Raises
    ------
    UsageError
        The library counts what GPUs do not share, or a measured model is unknown or takes less than what it shares.
    """
    if library.shared_by in (SharedBy.CONTENT, SharedBy.STORE):
        problem = f"the library {library.name!r} counts what {library.shared_by} shares, and a GPU does not share it"
        raise UsageError(f"{problem}: scan with --shared-by lora or --shared-by nobody")
    for name in measured:
        if name not in library.models:
            raise UsageError(f"the library has no model {name!r}; {suggestion(name, list(library.models))}")
    sizes = dict(library.blocks)
    beside: dict[str, int] = {}
    for name, model in library.models.items():
        if name not in measured:
            own = context_tokens * (model.cache_bytes_per_token or 0) + overhead_bytes
        else:
            own = measured[name] - library.size_bytes(name)
        if own < 0:
            _shrink(library, sizes, name, measured[name])
        process = _process(library, name)
        beside[process] = max(beside.get(process, 0), own)
    blocks = {process: f"{process}{ENDING}" for process, size in beside.items() if size > 0}
    reserved = {block: beside[process] for process, block in blocks.items()}
    taken = reserved.keys() & sizes.keys()
    if taken:
        raise InputError(Finding(f"$.blocks.{min(taken)}", f"the name ends in {ENDING!r}, which footprints take"))
    models = {
        name: model.replace(blocks=[*model.blocks, blocks[process]])
        if (process := _process(library, name)) in blocks
        else model
        for name, model in library.models.items()
    }
    estimated = tuple(name for name in library.models if name not in measured)
    unknown = (name for name in estimated if library.models[name].cache_bytes_per_token is None)
    return Footprints(
        library.replace(blocks=sizes | reserved, models=models),
        frozenset(reserved),
        estimated,
        tuple(unknown) if context_tokens else (),
    )


def _process(library: ModelLibrary, model: str) -> str:
    """Return what is loaded for a model apart from others: of models that share a process, their first block."""
    blocks = library.models[model].blocks
    return blocks[0] if blocks and library.shared_by == SharedBy.LORA else model


def _shrink(library: ModelLibrary, sizes: dict[str, int], model: str, footprint: int) -> None:
    """Give a model that is one block of its own the size of its footprint: a part of it stays off the GPU."""
    blocks = library.models[model].blocks
    holders = [name for name, other in library.models.items() if blocks[0] in other.blocks]
    if len(blocks) > 1 or holders != [model]:
        problem = f"the footprint of {model!r}, {footprint:,} bytes, is less than its weights"
        raise UsageError(f"{problem}, {library.size_bytes(model):,} bytes, which it shares in part")
    sizes[blocks[0]] = footprint

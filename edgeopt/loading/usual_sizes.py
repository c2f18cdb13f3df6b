"""What an instance of `loading` is given where nothing else is said: memory, window and deadline by its library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.library import ModelLibrary
from edgeopt.loading.instance import Server

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Sizes of GPUs, and of the parts into which one is shared.
GPU_MEMORY_BYTES = tuple(size * 10**9 for size in (1, 2, 4, 8, 16, 24, 48, 80, 96, 141, 192))
LEAST_BATCH = 4  # our choice: every model can run this many samples at once
WINDOWS = 4  # of a stream, in units of the longest load with a small batch; our choice


def usual_window_s(library: ModelLibrary, load_rate: float) -> float:
    """Return four times the seconds of the longest load with a small batch."""
    return (
        WINDOWS
        * max(
            library.size_bytes(name) / load_rate
            + (model.compute_fixed_s or 0.0)
            + LEAST_BATCH * (model.compute_per_sample_s or 0.0)
            for name, model in library.models.items()
        )
        or 1.0
    )


def usual_memory(library: ModelLibrary) -> int:
    """Return the least usual memory of a GPU in which every model runs a small batch."""
    needed = max(
        library.size_bytes(name) + LEAST_BATCH * (model.workspace_bytes_per_sample or 0)
        for name, model in library.models.items()
    )
    return next((size for size in GPU_MEMORY_BYTES if size >= needed), needed)


def usual_deadline_s(library: ModelLibrary, server: Server, asked: Integers, upload_s: Floats, part: float) -> float:
    """Return the seconds in which a simple plan serves this part of the users, each block loaded once."""
    sharing = library.sharing
    load_s = sharing.atom_bytes / server.load_rate_bytes_per_s
    longest = np.quantile(upload_s, min(1.0, part + 0.25)) if len(upload_s) else 0.0
    serve_s: dict[int, Floats] = {}
    for index, model in enumerate(library.models.values()):
        queue = np.sort(upload_s[(asked == index) & (upload_s <= longest)])
        room = server.memory_bytes - int(sharing.model_bytes[index])
        workspace = model.workspace_bytes_per_sample or 0
        batch = room // workspace if workspace else len(queue)
        if room < 0 or batch < 1 or len(queue) == 0:
            continue
        n = np.arange(1, len(queue) + 1)
        compute = (model.compute_fixed_s or 0.0) * -(-n // batch) + (model.compute_per_sample_s or 0.0) * n
        serve_s[index] = np.cumsum(queue) + compute
    # Time per user when each model pays its even part of the blocks that it shares.
    holders = np.array([len(models) for models in sharing.holders])
    part_s = sharing.incidence @ (load_s / holders)
    order = sorted(serve_s, key=lambda index: (part_s[index] + serve_s[index][-1]) / len(serve_s[index]))
    wanted, clock, served = part * len(upload_s), 0.0, 0
    loaded = np.zeros(len(load_s), dtype=bool)
    for index in order:
        held = sharing.incidence[[index], :].indices
        clock += float(load_s[held[~loaded[held]]].sum())
        loaded[held] = True
        count = min(len(serve_s[index]), max(1, round(wanted - served)))
        clock += float(serve_s[index][count - 1])
        served += count
        if served >= wanted:
            break
    return clock or 1.0

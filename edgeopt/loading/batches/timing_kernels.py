"""Compiled kernels that time a sequence of batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel
from edgeopt.loading.timing import Timing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@inner_kernel
def next_uses(models: Integers, length: int, holds: Flags, following: Integers) -> None:
    """Set ``following[p, j]`` to the first position after p whose model holds block j, `length` if there is none."""
    for j in range(holds.shape[1]):
        upcoming = length
        for p in range(length - 1, -1, -1):
            following[p, j] = upcoming
            if holds[models[p], j]:
                upcoming = p


@inner_kernel
def keep_soonest(
    model: int,
    room: int,
    holds: Flags,
    block_bytes: Integers,
    following: Integers,
    length: int,
    resident: Flags,
    waiting: Integers,
) -> int:
    """Load a model beside the blocks that are needed soonest; return the bytes that are loaded.

    `room` bytes are free beside the model and its batch. Of the resident blocks that are still needed, those needed
    soonest stay, the larger of two needed at once first; one that does not fit is passed over. `resident` is updated;
    `waiting` has room for a number for each block.
    """
    loaded = 0
    blocks = len(block_bytes)
    count, size = 0, 0
    for j in range(blocks):
        if holds[model, j]:
            if not resident[j]:
                loaded += block_bytes[j]
            resident[j] = True
        elif resident[j]:
            if following[j] < length:
                waiting[count] = j
                count += 1
                size += block_bytes[j]
            else:
                resident[j] = False
    if size <= room:
        return loaded
    for place in range(1, count):  # insertion sort: a GPU holds few blocks
        j = waiting[place]
        at = place
        while at > 0:
            other = waiting[at - 1]
            sooner = following[j] < following[other]
            if not (sooner or (following[j] == following[other] and block_bytes[j] > block_bytes[other])):
                break
            waiting[at] = other
            at -= 1
        waiting[at] = j
    for place in range(count):
        j = waiting[place]
        if block_bytes[j] <= room:
            room -= block_bytes[j]
        else:
            resident[j] = False
    return loaded


@kernel(allocates=True)
def finish_s(models: Integers, counts: Integers, length: int, upload_s: Floats, timing: Timing) -> float:
    """Return when the last batch ends: each takes its model's next users, uploaded in batch order.

    Without overlapped uploads all uploads come first. Blocks stay while consecutive models use them or, with capacity
    retention, as `keep_soonest` decides. `upload_s` is that of the workload.
    """
    taken = np.zeros(len(timing.fixed_s), np.int64)
    radio, clock = 0.0, 0.0
    last = len(timing.fixed_s)
    blocks = len(timing.block_bytes) if timing.keeps else 0
    following = np.empty((length, blocks), np.int64)
    resident = np.zeros(blocks, np.bool_)
    waiting = np.empty(blocks, np.int64)
    if timing.keeps:
        next_uses(models, length, timing.holds, following)
    for p in range(length):
        model, count = models[p], counts[p]
        first = taken[model]
        taken[model] = first + count
        radio += upload_s[model, first + count] - upload_s[model, first]
        if timing.keeps:
            room = timing.room_bytes[model] - timing.workspace_bytes[model] * count
            clock += (
                keep_soonest(model, room, timing.holds, timing.block_bytes, following[p], length, resident, waiting)
                / timing.rate
            )
        else:
            clock += timing.load_s[last, model]
        if timing.overlapped and radio > clock:
            clock = radio
        clock += timing.fixed_s[model] + timing.sample_s[model] * count
        last = model
    return clock if timing.overlapped else clock + radio


def kept_blocks(models: Integers, counts: Integers, length: int, timing: Timing) -> Flags:
    """Return what `keep_soonest` keeps on the GPU while each batch runs, shape (batches, blocks)."""
    blocks = len(timing.block_bytes)
    following, kept = np.empty((length, blocks), np.int64), np.zeros((length, blocks), np.bool_)
    _keep(models, counts, length, timing, following, np.zeros(blocks, np.bool_), np.empty(blocks, np.int64), kept)
    return kept


@kernel
def _keep(
    models: Integers,
    counts: Integers,
    length: int,
    timing: Timing,
    following: Integers,
    resident: Flags,
    waiting: Integers,
    kept: Flags,
) -> None:
    """Write what stays on the GPU while each batch runs; what `next_uses` and `keep_soonest` need has room."""
    next_uses(models, length, timing.holds, following)
    for p in range(length):
        room = timing.room_bytes[models[p]] - timing.workspace_bytes[models[p]] * counts[p]
        keep_soonest(models[p], room, timing.holds, timing.block_bytes, following[p], length, resident, waiting)
        copy_into(kept[p], resident)

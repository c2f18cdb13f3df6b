"""What of the next model fits beside a batch, where only its blocks and those of the batch's model are on the GPU.

More bytes are never worse: what is loaded ahead is there when the batch ends or soon after, and the rest follows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.workload import Workload

AHEAD_BLOCKS = 16  # among which is chosen


def fitting_blocks(work: Workload, first: int, second: int, users: int) -> list[str]:
    """Return the blocks of most bytes of the second model that fit beside a batch of so many users of the first."""
    names, sizes = _missing(work, first, second)
    room = int(work.room_bytes[first] - work.workspace_bytes[first] * users)
    if sum(sizes) <= room:
        return names
    sums = _sums(sizes)
    left = int(sums[-1][np.searchsorted(sums[-1], room, side="right") - 1])
    chosen = []
    for place in range(len(sizes) - 1, -1, -1):
        if left not in sums[place]:
            chosen.append(names[place])
            left -= sizes[place]
    return chosen


def ahead_seconds(work: Workload) -> NDArray[np.float64]:
    """Return how long the blocks load that fit ahead, shape (models, models, largest batch + 1)."""
    width = int(work.batch.max(initial=0)) + 1
    table = np.zeros((work.models, work.models, width))
    for first in range(work.models):
        rooms = work.room_bytes[first] - work.workspace_bytes[first] * np.arange(int(work.batch[first]) + 1)
        for second in range(work.models):
            _, sizes = _missing(work, first, second)
            if sum(sizes) <= rooms[-1]:
                table[first, second, : len(rooms)] = sum(sizes) / work.rate
            else:
                sums = _sums(sizes)[-1]
                table[first, second, : len(rooms)] = sums[np.searchsorted(sums, rooms, side="right") - 1] / work.rate
    return table


def widest_choice(work: Workload) -> int:
    """Return the largest number of blocks among which some have to be chosen."""
    widest = 0
    for first in range(work.models):
        least_room = work.room_bytes[first] - work.workspace_bytes[first] * work.batch[first]
        for second in range(work.models):
            _, sizes = _missing(work, first, second)
            if sum(sizes) > least_room:
                widest = max(widest, len(sizes))
    return widest


def _missing(work: Workload, first: int, second: int) -> tuple[list[str], list[int]]:
    """Return the blocks that only the second model holds, with their bytes."""
    library = work.instance.library
    held = set(library.models[work.model_names[first]].blocks)
    names = [block for block in library.models[work.model_names[second]].blocks if block not in held]
    names = [block for block in names if library.blocks[block] > 0]
    return names, [library.blocks[block] for block in names]


def _sums(sizes: list[int]) -> list[NDArray[np.int64]]:
    """Return the sums of all subsets of the first n sizes, increasing, for each n from 0 on."""
    sums = [np.zeros(1, np.int64)]
    for size in sizes:
        sums.append(np.unique(np.concatenate([sums[-1], sums[-1] + size])))
    return sums

"""A stream and the state of its replay, in arrays that compiled code and policies share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

CLOCK, FREE = 0, 1  # places in `Desk.times`: now, and when the GPU falls free
COMING, ROOM = 0, 1  # places in `Desk.counts`: next request to be ready, and bytes that may be loaded before `FREE`


class Requests(NamedTuple):
    """A stream, for compiled code.

    Attributes
    ----------
    model : shape (requests,)
        Requests are numbered by model, within a model by deadline.
    arrival_s, ready_s, due_s : shape (requests,)
        Arrival, end of the upload (infinite where it is given up), and deadline with a margin for rounding.
    upload_bits : shape (requests,)
    order : shape (requests,)
        By `ready_s`.
    first : shape (models + 1,)
    capacity : shape (models,)
        Largest batch that fits beside the model.
    fixed_s, sample_s : shape (models,)
    workspace_bytes : shape (models,)
    first_block, block : shape (models + 1,), (pairs,)
        Blocks of model i are ``block[first_block[i]:first_block[i + 1]]``.
    block_bytes : shape (blocks,)
    rate : float
    memory_bytes : int
    keeps : bool
        Blocks stay on the GPU until they are evicted.
    """

    model: Integers
    arrival_s: Floats
    ready_s: Floats
    due_s: Floats
    upload_bits: Floats
    order: Integers
    first: Integers
    capacity: Integers
    fixed_s: Floats
    sample_s: Floats
    workspace_bytes: Integers
    first_block: Integers
    block: Integers
    block_bytes: Integers
    rate: float
    memory_bytes: int
    keeps: bool


class Desk(NamedTuple):
    """The state of a replay, and what it shows of each model.

    Attributes
    ----------
    waiting : shape (requests,)
        Who is ready and neither served nor too late.
    low, high : shape (models,)
        All waiting requests of a model have numbers from ``low`` on and below ``high``.
    resident : shape (blocks,)
        Blocks on the GPU.
    used_s : shape (blocks,)
        When each block was used last.
    times, counts : shape (2,)
        See `CLOCK`, `FREE`, `COMING` and `ROOM`.
    waits, batch : shape (models,)
        Requests that wait and could be served in time, and the largest batch of them in time.
    start_s : shape (models,)
        When the model's batch would start if it were chosen now.
    oldest_s, due_s : shape (models,)
        Earliest arrival and deadline among those who could be served in time; infinite where there are none.
    users : shape (requests,)
        The batch that was taken last.
    """

    waiting: Flags
    low: Integers
    high: Integers
    resident: Flags
    used_s: Floats
    times: Floats
    counts: Integers
    waits: Integers
    batch: Integers
    start_s: Floats
    oldest_s: Floats
    due_s: Floats
    users: Integers

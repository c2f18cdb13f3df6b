"""What times batches: the figures of a workload that compiled code takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Timing(NamedTuple):
    """What times batches, for compiled code; attributes as of `Workload`.

    With consecutive retention only `load_s` says what is loaded; what follows it matters with capacity retention only.
    """

    overlapped: bool
    keeps: bool
    fixed_s: Floats
    sample_s: Floats
    load_s: Floats
    rate: float
    room_bytes: Integers
    workspace_bytes: Integers
    holds: NDArray[np.bool_]
    block_bytes: Integers

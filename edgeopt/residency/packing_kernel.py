"""Intervals kept in a given order as long as they fit, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeopt.kernels import kernel


@kernel(allocates=True)
def pack(order: Any, first: Any, end: Any, sizes: Any, room: Any) -> Any:
    """Return which intervals are kept, shape (intervals,); `room` becomes what is left at each visit.

    Parameters
    ----------
    order : numpy.ndarray of int64
        Intervals, the first one to be kept first.
    first, end, sizes : numpy.ndarray of int64, shape (intervals,)
    room : numpy.ndarray of int64, shape (visits,)
    """
    kept = np.zeros(len(first), np.bool_)
    for interval in order:
        fits = True
        for visit in range(first[interval], end[interval]):
            if room[visit] < sizes[interval]:
                fits = False
                break
        if fits:
            kept[interval] = True
            for visit in range(first[interval], end[interval]):
                room[visit] -= sizes[interval]
    return kept

"""Compiled kernels of prices of time: what a batch costs at least that begins in a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@inner_kernel
def paid_until(steps: Floats, moment: float) -> float:
    """Return the sum of prices up to a moment, in steps."""
    number = len(steps) - 1
    if moment <= 0.0:
        return 0.0
    if moment >= number:
        return steps[number]
    step = int(moment)
    return steps[step] + (moment - step) * (steps[step + 1] - steps[step])


@inner_kernel
def cheapest_start(step: int, fixed: float, own: float, steps: Floats) -> tuple[float, float]:
    """Return the least price of a batch that begins in a step, and when it begins.

    It holds the GPU from `own` steps before its start to `fixed` steps after it. The price is linear between the
    moments tried here.
    """
    least, start = np.inf, float(step)
    for trial in range(4):
        shift = float(trial)
        if trial == 2:
            shift = np.ceil(fixed) - fixed
        elif trial == 3:
            shift = own - np.floor(own)
        moment = step + shift
        price = paid_until(steps, moment + fixed) - paid_until(steps, moment - own)
        if price < least:
            least, start = price, moment
    return least, start


@inner_kernel
def lowest(minima: Floats, low: int, high: int) -> float:
    """Return the least price of steps `low` to `high`; ``minima[k, i]`` is that of 2^k of them from i on."""
    level = 0
    while (2 << level) <= high - low + 1:
        level += 1
    return min(minima[level, low], minima[level, high + 1 - (1 << level)])


@kernel
def fill_minima(time: Floats, minima: Floats) -> None:
    """Set ``minima[k, i]`` to the least price in 2^k steps from step i on."""
    for index in range(len(time)):
        minima[0, index] = time[index]
    for level in range(1, len(minima)):
        for index in range(len(time) - (1 << level) + 1):
            minima[level, index] = min(minima[level - 1, index], minima[level - 1, index + (1 << (level - 1))])


@inner_kernel
def take(start: float, end: float, weight: float, taken: Floats) -> None:
    """Note with a weight that the GPU is taken from one moment to another, by steps."""
    start = max(0.0, start)
    step = int(start)
    while start < end and step < len(taken):
        until = min(end, step + 1.0)
        taken[step] += weight * (until - start)
        start, step = until, step + 1

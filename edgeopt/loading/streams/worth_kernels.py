"""Compiled kernels of the bound: what the best batches are worth in all stays, those that begin last first.

A stay that begins a step sooner has a few more moments. They change what batches up to a moment are worth only while
somebody is still there who was there then, or by the same amount from some moment on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.streams.offer_kernels import Moments, Offers, Prices
from edgeopt.loading.streams.steps import Models

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SAME = 1e-12  # users by which two gains differ at most that count as equal


@inner_kernel
def begin_sooner(
    low: int,
    known: int,
    behind: int,
    until: int,
    scale: float,
    length: int,
    moments: Moments,
    worth: Floats,
    offers: Offers,
    best: Floats,
    ends: Floats,
) -> None:
    """Let stays begin at moment `low` of a model, no more at `known`; its last moment is ``behind - 1``.

    ``best[moment]`` is what the best batches are worth that begin up to there, ``ends[step]`` how much more those are
    worth that end by then than those that end sooner; batches begin in step `until` at the latest."""
    most, before, changed = 0.0, 0.0, low - 1
    gain, since = 0.0, low
    for here in range(low, behind):
        step = moments.step[here]
        if step > until:
            break
        first, last = moments.listed[here], moments.listed[here + 1]
        oldest = moments.after[last - 1]
        if here >= known and oldest > changed:
            break  # nothing that changed matters from here on
        old = best[here]
        value, everybody, bare = max(most, old), worth[last - 1], scale * offers.bare[here]
        if here < known:
            value = max(value, everybody - scale * offers.full[here])
        for place in range(first, last):
            chosen = moments.after[place]
            if chosen > changed:
                continue
            if chosen < low or best[chosen] == 0.0 or best[chosen] + everybody - bare <= value:
                break
            value = max(value, best[chosen] + worth[place] - bare)
        ends[step + length] += (value - most) - (old - before)
        best[here], most, before = value, value, old
        if value > old:
            changed = here
        if abs(value - old - gain) > SAME:
            gain, since = value - old, here
        elif here >= known and oldest >= since and best[oldest] > gain + SAME:
            # All that matters from here on gained the same, and no batch is the first one.
            for later in range(here + 1, behind):
                if moments.step[later] > until:
                    break
                best[later] += gain
            break


@kernel(nogil=True)
def fill_worths(
    low: int,
    high: int,
    longest: int,
    kind: int,
    level: int,
    prices: Prices,
    models: Models,
    moments: Moments,
    offers: Offers,
    best: Floats,
    ends: Floats,
    place: Integers,
    worths: Floats,
) -> None:
    """Set what a kind's best batches are worth at a level in stays that begin at points `low` to ``high - 1``.

    Those from point p to q are worth ``worths[p - low, q - p]`` beyond the time that they are given."""
    number, scale = prices.steps.shape[1] - 1, prices.levels[level]
    last = min(number, high - 1 + longest)
    ends[:] = 0.0
    for model in range(len(place)):
        place[model] = moments.first[model + 1]
        if models.kind[model] == kind:
            best[moments.first[model] : moments.first[model + 1]] = 0.0
        while place[model] > moments.first[model] and moments.step[place[model] - 1] >= last:
            place[model] -= 1
    for begin in range(last, low - 1, -1):
        end = min(number, begin + longest)
        for model in range(len(place)):
            if models.kind[model] != kind:
                continue
            known = place[model]
            # A batch may begin in the step before the point to which a stay's begin is rounded.
            while place[model] > moments.first[model] and moments.step[place[model] - 1] >= begin - 1:
                place[model] -= 1
            if place[model] < known:
                until, worth = end - models.length[model], offers.worth[level]
                spans = place[model], known, moments.first[model + 1], until
                rooms = moments, worth, offers, best, ends
                begin_sooner(*spans, scale, models.length[model], *rooms)
        if begin < high:
            total = ends[begin - 1] if begin > 0 else 0.0
            for point in range(end - begin + 1):
                total += ends[begin + point]
                worths[begin - low, point] = total

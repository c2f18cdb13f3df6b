"""Compiled kernels that try users at every place of a plan that does not serve them, and let others give way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOWHERE = -1


class Line(NamedTuple):
    """The batches of a plan; the band is dealt in their order.

    Attributes
    ----------
    model : numpy.ndarray of int64, shape (batches,)
    uploaded_s : numpy.ndarray, shape (batches,)
        When the last user of the batch has uploaded; 0 where uploads are a phase.
    stated_s : numpy.ndarray, shape (batches,)
        Before which the batch does not compute.
    room : numpy.ndarray of int64, shape (batches,)
        Users that the batch may have beyond those that it has.
    first : numpy.ndarray of int64, shape (batches + 1,)
        Where the batch's users begin in the arrays of users.
    latest_s : numpy.ndarray, shape (served,)
        Until when each user's batch may end, increasing within a batch.
    upload_s : numpy.ndarray, shape (served,)
        By how much everything is earlier without the user: its upload where uploads are a phase, else 0.
    """

    model: Integers
    uploaded_s: Floats
    stated_s: Floats
    room: Integers
    first: Integers
    latest_s: Floats
    upload_s: Floats


class Times(NamedTuple):
    """Seconds that models take.

    Attributes
    ----------
    alone, fixed, sample : numpy.ndarray, shape (models,)
        To load the model on an empty GPU, and its computing: of a batch, and of each user.
    switch : numpy.ndarray, shape (models, models)
        To load the second model after the first.
    begin : float
        When the first batch may load.
    """

    alone: Floats
    fixed: Floats
    sample: Floats
    switch: Floats
    begin: float


@inner_kernel
def load_s(times: Times, before: int, model: int) -> float:
    """Return the seconds to load a model after another, or first of all (`NOWHERE`)."""
    if before == NOWHERE:
        return float(times.alone[model])
    return float(times.switch[before, model])


@kernel(allocates=True)
def cheapest_places(
    line: Line, times: Times, phase: bool, model: int, upload: float, arrival: float, latest: float
) -> Integers:
    """Find where a user makes the fewest others late, and where it delays the worst of them least.

    Parameters
    ----------
    line : Line
    times : Times
    phase : bool
        Whether uploads are a phase, so that all batches wait for the user's.
    model : int
    upload, arrival, latest : float

    Returns
    -------
    numpy.ndarray of int64, shape (2, 3)
        Of either place: the others that become late (`NOWHERE` where the user itself is late at every place), the
        number of the batch that it joins or before which its own batch comes, and 1 where it joins.
    """
    batches = len(line.model)
    found = np.full((2, 3), NOWHERE)
    least_late, least_excess = len(line.latest_s) + 1, np.inf
    before, last, ready = times.begin + (upload if phase else 0.0), NOWHERE, 0.0
    for position in range(batches + 1):
        own = 0.0 if phase else max(ready, arrival) + upload
        for join in range(2):
            if join == 1 and (position == batches or line.model[position] != model or line.room[position] < 1):
                continue
            clock, late, excess, previous = before, 0, 0.0, last
            if join == 0:
                clock = max(clock + load_s(times, last, model), own) + times.fixed[model] + times.sample[model]
                previous = model
                if clock > latest:
                    continue
            fits = True
            for batch in range(position, batches):
                here, awaited = line.model[batch], line.uploaded_s[batch] + (0.0 if phase else upload)
                count = line.first[batch + 1] - line.first[batch]
                if join == 1 and batch == position:
                    awaited, count = max(line.uploaded_s[batch], own), count + 1
                clock = max(clock + load_s(times, previous, here), max(awaited, line.stated_s[batch]))
                clock += times.fixed[here] + times.sample[here] * count
                previous = here
                if join == 1 and batch == position and clock > latest:
                    fits = False
                    break
                for other in range(line.first[batch], line.first[batch + 1]):
                    if line.latest_s[other] >= clock:
                        break
                    late += 1
                    excess = max(excess, clock - line.latest_s[other])
                if late >= least_late and excess >= least_excess:
                    break
            if fits and late < least_late:
                least_late = late
                found[0, 0], found[0, 1], found[0, 2] = late, position, join
            if fits and excess < least_excess:
                least_excess = excess
                found[1, 0], found[1, 1], found[1, 2] = late, position, join
        if position < batches:
            here = line.model[position]
            ready = max(ready, line.uploaded_s[position])
            before = max(before + load_s(times, last, here), max(line.uploaded_s[position], line.stated_s[position]))
            before += times.fixed[here] + times.sample[here] * (line.first[position + 1] - line.first[position])
            last = here
            if before > latest:
                break
    return found


@kernel(allocates=True)
def giving_way(line: Line, times: Times, protected: int, gone: Flags) -> int:
    """Choose users of a line that have to go so that the others are in time; return their number.

    The batches are timed in turn. Where one is late, those go that cost least: its late users, or one user, or one
    batch, here or before, with the most seconds for each user. Where uploads are no phase their seconds do not count,
    so that fewer may suffice.

    Parameters
    ----------
    line : Line
    times : Times
    protected : int
        The user who stays.
    gone : numpy.ndarray of bool, shape (users,)
        Is set; all False before.
    """
    batches = len(line.model)
    left = line.first[1:] - line.first[:-1]
    number, begin, batch = 0, times.begin, 0
    clock, previous = begin, NOWHERE
    while batch < batches:
        if left[batch] == 0:
            batch += 1
            continue
        here = line.model[batch]
        end = max(clock + load_s(times, previous, here), max(line.uploaded_s[batch], line.stated_s[batch]))
        end += times.fixed[here] + times.sample[here] * left[batch]
        late, excess, own_late = 0, 0.0, False
        for user in range(line.first[batch], line.first[batch + 1]):
            if not gone[user] and line.latest_s[user] < end:
                late += 1
                excess = max(excess, end - line.latest_s[user])
                own_late |= user == protected
        if late == 0:
            clock, previous = end, here
            batch += 1
            continue
        best, value, whole = NOWHERE, 0.0, False  # a user, or the batch of this number
        for other in range(batch + 1):
            if left[other] == 0:
                continue
            model, lone, saved, holds = line.model[other], NOWHERE, 0.0, False
            for user in range(line.first[other], line.first[other + 1]):
                holds |= user == protected
                if not gone[user]:
                    saved += line.upload_s[user]
                    if user != protected and (lone == NOWHERE or line.upload_s[user] > line.upload_s[lone]):
                        lone = user
            if lone != NOWHERE:
                gain = times.sample[model] + line.upload_s[lone]
                if min(gain, excess) > value and (left[other] > 1 or holds):
                    best, value, whole = lone, min(gain, excess), False
            if not holds:
                saved += times.fixed[model] + times.sample[model] * left[other] + _load_saved(line, times, left, other)
                if min(saved, excess) / left[other] > value:
                    best, value, whole = other, min(saved, excess) / left[other], True
        if not own_late and (best == NOWHERE or value * late <= excess):
            for user in range(line.first[batch], line.first[batch + 1]):
                if not gone[user] and line.latest_s[user] < end:
                    gone[user] = True
                    left[batch] -= 1
                    number += 1
                    begin -= line.upload_s[user]
        elif best == NOWHERE:
            return len(gone) + 1
        elif whole:
            for user in range(line.first[best], line.first[best + 1]):
                if not gone[user]:
                    gone[user] = True
                    number += 1
                    begin -= line.upload_s[user]
            left[best] = 0
        else:
            gone[best] = True
            number += 1
            begin -= line.upload_s[best]
            at = 0
            while line.first[at + 1] <= best:
                at += 1
            left[at] -= 1
        clock, previous, batch = begin, NOWHERE, 0
    return number


@inner_kernel
def _load_saved(line: Line, times: Times, left: Integers, batch: int) -> float:
    """Return the seconds of loading that are saved if a batch goes."""
    before, after = batch - 1, batch + 1
    while before >= 0 and left[before] == 0:
        before -= 1
    while after < len(left) and left[after] == 0:
        after += 1
    previous = line.model[before] if before >= 0 else NOWHERE
    saved = load_s(times, previous, line.model[batch])
    if after < len(left):
        saved += load_s(times, line.model[batch], line.model[after]) - load_s(times, previous, line.model[after])
    return saved

"""Compiled kernels of the bound: the best batches of a model in a stay, at some prices.

A batch begins at a *moment*: when a user of its model comes, or a step begins. For a batch that begins between two
moments the earlier one is taken: nobody comes between them, so that the same users are there, or more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.streams.cost_kernels import cheapest_start, lowest, take
from edgeopt.loading.streams.steps import Models, Windows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NONE = -1


class Prices(NamedTuple):
    """Prices in users.

    Attributes
    ----------
    visit : numpy.ndarray, shape (users,)
        What it costs to serve a user.
    minima : numpy.ndarray, shape (kinds, levels, steps)
        The least price of a step in 2^k steps from one on.
    steps : numpy.ndarray, shape (kinds, steps + 1)
        The price of all steps of the GPU before one, for the models of a kind.
    levels : numpy.ndarray, shape (levels,)
        A stay takes the prices of time so many times as high, whichever level bounds it best.
    slack : float
        So many steps more has each stay, for the rounding of its ends: see `slack_of`.
    """

    visit: Floats
    minima: Floats
    steps: Floats
    levels: Floats
    slack: float


def slack_of(levels: Floats) -> float:
    """Return how many steps longer a stay must be, so that rounding its ends costs nothing on average.

    Its worth is concave in what its time costs, with slopes between the least and the highest level.
    """
    root = float(np.sqrt(levels.min() / levels.max()))
    return (1.0 - root) / (1.0 + root)


class Moments(NamedTuple):
    """When batches may begin, and with whom.

    Attributes
    ----------
    first : numpy.ndarray of int64, shape (models + 1,)
        The moments of a model are ``first[model]`` to ``first[model + 1] - 1``.
    step : numpy.ndarray of int64, shape (moments,)
        The steps in which they lie.
    listed : numpy.ndarray of int64, shape (moments + 1,)
        The users there are ``user[listed[moment]]`` and so on, the last who came first.
    user : numpy.ndarray of int64
    comes : numpy.ndarray of int64, shape (users,)
        The moment at which a user comes.
    after : numpy.ndarray of int64, shape (listed users,)
        The last moment at which the model's batch before may begin, if this one serves the listed users up to here.
    """

    first: Integers
    step: Integers
    listed: Integers
    user: Integers
    comes: Integers
    after: Integers


class Offers(NamedTuple):
    """What batches are worth and cost at some prices.

    Attributes
    ----------
    worth : numpy.ndarray, shape (levels, listed users)
        What the listed users up to here are worth together, as of `Moments.user`, at each level of prices of time.
    full, bare : numpy.ndarray, shape (moments,)
        Prices of a batch without its users, with its model's own blocks to be loaded or not, at level one.
    """

    worth: Floats
    full: Floats
    bare: Floats


class Chain(NamedTuple):
    """Room for the best batches of a model in a stay, by moments since its begin.

    Attributes
    ----------
    best : numpy.ndarray
        What those are worth that begin up to a moment.
    before, at : numpy.ndarray of int64
        The batch before the one of this moment, and the last of the best ones; -1 for none.
    """

    best: Floats
    before: Integers
    at: Integers


@kernel
def count_moments(windows: Windows, first: Integers, listed: bool, moments: Moments) -> int:
    """Find the moments of all models, and whom they list; return the number of entries. Count only unless `listed`."""
    count, entries = 0, 0
    for model in range(len(windows.first) - 1):
        first[model] = count
        low, high = windows.first[model], windows.first[model + 1]
        there = gone = low
        last = -1
        for user in range(low, high):
            last = max(last, windows.last[user])
        step = windows.ready[low] if low < high else 0
        begins = True  # whether the next moment is the begin of the step
        while step <= last:
            come = there < high and windows.ready[there] <= step
            if not begins and not come:
                step, begins = step + 1, True
                continue
            moment = float(step)
            if come and (not begins or windows.opens[there] <= step):
                moment = max(moment, windows.opens[there])
                while there < high and windows.opens[there] <= moment:
                    if listed:
                        moments.comes[there] = count
                    there += 1
            begins = False
            while gone < there and windows.closes[gone] < moment:
                gone += 1
            if gone == there:
                if there == high:
                    break
                continue
            if listed:
                moments.step[count], moments.listed[count] = step, entries
            for user in range(there - 1, gone - 1, -1):
                if windows.closes[user] >= moment:
                    if listed:
                        moments.user[entries] = user
                    entries += 1
            count += 1
    first[len(windows.first) - 1] = count
    if listed:
        moments.listed[count] = entries
    return entries


@kernel
def link_batches(models: Models, moments: Moments) -> None:
    """Set after which moments users are served: they come later, and batches begin some steps apart or in one step."""
    for model in range(len(models.apart)):
        early = moments.first[model]
        for here in range(moments.first[model], moments.first[model + 1]):
            while early < here and moments.step[early] <= moments.step[here] - models.apart[model]:
                early += 1
            for place in range(moments.listed[here], moments.listed[here + 1]):
                moments.after[place] = min(moments.comes[moments.user[place]], early) - 1


def moments_of(windows: Windows, models: Models) -> Moments:
    """Return the moments of all models."""
    first, none = np.zeros(len(windows.first), np.int64), np.zeros(0, np.int64)
    entries = count_moments(windows, first, False, Moments(first, none, none, none, none, none))
    rooms = (np.zeros(size, np.int64) for size in (first[-1], first[-1] + 1, entries, len(windows.ready), entries))
    moments = Moments(first, *rooms)
    count_moments(windows, first, True, moments)
    link_batches(models, moments)
    return moments


@inner_kernel
def computing_price(user: int, step: int, model: int, windows: Windows, models: Models, prices: Prices) -> float:
    """Return what a user's own computing costs in a batch of a step: where time is cheapest up to its deadline."""
    if models.sample[model] == 0.0:
        return 0.0
    return models.sample[model] * lowest(prices.minima[models.kind[model]], step, windows.due[user])


@kernel
def price_offers(windows: Windows, models: Models, prices: Prices, moments: Moments, offers: Offers) -> None:
    """Set what batches are worth and cost."""
    for model in range(len(models.kind)):
        fixed, own, steps = models.fixed[model], models.own[model], prices.steps[models.kind[model]]
        priced, full, bare = -1, 0.0, 0.0
        for here in range(moments.first[model], moments.first[model + 1]):
            step = moments.step[here]
            if step != priced:
                full, _ = cheapest_start(step, fixed, own, steps)
                bare, priced = full, step
                if own > 0.0:
                    bare, _ = cheapest_start(step, fixed, 0.0, steps)
            offers.full[here], offers.bare[here] = full, bare
            first = moments.listed[here]
            for place in range(first, moments.listed[here + 1]):
                user = moments.user[place]
                gain = 1.0 - prices.visit[user]
                paid = computing_price(user, step, model, windows, models, prices) if gain > 0.0 else 0.0
                for level in range(len(prices.levels)):
                    before = offers.worth[level, place - 1] if place > first else 0.0
                    offers.worth[level, place] = before + max(0.0, gain - prices.levels[level] * paid)


@inner_kernel
def best_batches(
    low: int, high: int, level: int, prices: Prices, moments: Moments, offers: Offers, chain: Chain
) -> None:
    """Find the best batches of a model that begin at moments `low` to ``high - 1``, beyond prices of a level.

    Each user counts at the first batch that can serve it. Only the first batch loads the model's own blocks: the GPU
    may still hold them for the next.
    """
    most, mark, scale = 0.0, NONE, prices.levels[level]
    for here in range(low, high):
        first, last = moments.listed[here], moments.listed[here + 1]
        value, before = offers.worth[level, last - 1] - scale * offers.full[here], NONE
        for place in range(first, last):
            until = moments.after[place]
            if until < low or chain.at[until - low] == NONE:
                break
            total = chain.best[until - low] + offers.worth[level, place] - scale * offers.bare[here]
            if total > value:
                value, before = total, chain.at[until - low]
        chain.before[here - low] = before
        if value > most:
            most, mark = value, here
        chain.best[here - low], chain.at[here - low] = most, mark


@inner_kernel
def serve(
    model: int,
    here: int,
    before: int,
    level: int,
    windows: Windows,
    models: Models,
    prices: Prices,
    moments: Moments,
    taken: Floats,
    served: Floats,
) -> None:
    """Add a batch that begins at a moment, after another one of the model: what it takes, and whom it serves."""
    kind, step, scale = models.kind[model], moments.step[here], prices.levels[level]
    own = models.own[model] if before == NONE else 0.0
    _, start = cheapest_start(step, models.fixed[model], own, prices.steps[kind])
    take(start - own, start + models.fixed[model], scale, taken[kind])
    for entry in range(moments.listed[here], moments.listed[here + 1]):
        user = moments.user[entry]
        if moments.comes[user] <= before:
            break
        paid = computing_price(user, step, model, windows, models, prices)
        if 1.0 - prices.visit[user] > scale * paid:
            served[user] += 1
            place = step
            least = lowest(prices.minima[kind], place, windows.due[user])
            while prices.minima[kind, 0, place] != least:
                place += 1
            taken[kind, place] += scale * models.sample[model]

"""Compiled inner loops of the Lagrangian relaxation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgeopt.kernels import copy_into, inner_kernel, kernel, stable_order

Array = Any


class DualArrays(NamedTuple):
    """A core with its linking rows, one for each group, site and atom that an option of the group needs there."""

    units: Array
    cloud: Array  # cost per unit; a large number where the cloud cannot serve
    group_start: Array
    site: Array
    cost: Array
    work: Array
    limited: Array
    work_limit: Array
    row_start: Array  # rows of each option: rows[row_start[o]:row_start[o + 1]]
    rows: Array
    row_group: Array
    row_opening: Array
    opening_start: Array  # openings are sorted by site
    pull: Array
    size: Array
    memory: Array


class Multipliers(NamedTuple):
    """Prices in seconds per unit, at least 0."""

    price: Array  # (rows,): of the linking rows
    work_price: Array  # (sites,): of the compute limits


class Minimum(NamedTuple):
    """The minimum of the relaxation at some multipliers, and a subgradient; changed in place."""

    reduced: Array  # (options,): reduced costs
    least: Array  # (groups,): the least reduced cost, or the cloud's
    opening_cost: Array  # (openings,): reduced costs
    memory_price: Array  # (sites,): price of a byte in the knapsack of the site
    opening: Array  # (openings,): how far the relaxation opens them, 0 to 1
    slope: Array  # (rows,)
    work_slope: Array  # (sites,)


class Climb(NamedTuple):
    """How far a climb has come: the best value, and the factor of the step length."""

    value: float
    theta: float


@inner_kernel
def evaluate(d: DualArrays, at: Multipliers, minimum: Minimum) -> float:
    """Compute the value of the relaxation at some multipliers, and fill in its minimum and a subgradient."""
    price, work_price = at.price, at.work_price
    reduced, least, opening_cost = minimum.reduced, minimum.least, minimum.opening_cost
    memory_price, opening = minimum.memory_price, minimum.opening
    slope, work_slope = minimum.slope, minimum.work_slope
    total = 0.0
    for row in range(len(price)):
        slope[row] = 0.0
    copy_into(opening_cost, d.pull)
    for row in range(len(price)):
        opening_cost[d.row_opening[row]] -= d.units[d.row_group[row]] * price[row]
    for site in range(len(d.memory)):
        work_slope[site] = -float(d.work_limit[site]) if d.limited[site] else 0.0
        if d.limited[site]:
            total -= work_price[site] * d.work_limit[site]
    for group in range(len(d.units)):
        best, pick = d.cloud[group], -1
        for option in range(d.group_start[group], d.group_start[group + 1]):
            value = d.cost[option] + work_price[d.site[option]] * d.work[option]
            for position in range(d.row_start[option], d.row_start[option + 1]):
                value += price[d.rows[position]]
            reduced[option] = value
            if value < best:
                best, pick = value, option
        least[group] = best
        total += d.units[group] * best
        if pick >= 0:
            for position in range(d.row_start[pick], d.row_start[pick + 1]):
                slope[d.rows[position]] += d.units[group]
            work_slope[d.site[pick]] += d.units[group] * d.work[pick] if d.limited[d.site[pick]] else 0.0
    for site in range(len(d.memory)):
        first, last = d.opening_start[site], d.opening_start[site + 1]
        total += _knapsack(
            opening_cost[first:last], d.size[first:last], d.memory[site], opening[first:last], memory_price, site
        )
    for row in range(len(price)):
        slope[row] -= d.units[d.row_group[row]] * opening[d.row_opening[row]]
    return total


@inner_kernel(allocates=True)
def _knapsack(cost: Array, size: Array, memory: int, pick: Array, memory_price: Array, site: int) -> float:
    """Return the least cost of a fractional selection that fits; fill in the selection and the price of a byte."""
    pick[:] = 0.0
    used, total = 0.0, 0.0
    for item in range(len(cost)):
        if cost[item] < 0:
            used += size[item]
            total += cost[item]
            pick[item] = 1.0
    memory_price[site] = 0.0
    if used <= memory:
        return total
    total, left = 0.0, float(memory)
    ratios = np.empty(len(cost))
    for item in range(len(cost)):
        ratios[item] = cost[item] / max(float(size[item]), 1e-9)
    for item in stable_order(ratios):
        if cost[item] >= 0:
            break
        pick[item] = min(1.0, left / size[item]) if size[item] > 0 else 1.0
        left -= pick[item] * size[item]
        total += pick[item] * cost[item]
        if pick[item] < 1.0:
            memory_price[site] = -cost[item] / size[item]
            left = 0.0
            for other in range(len(cost)):
                if cost[other] + memory_price[site] * size[other] > 0:
                    pick[other] = 0.0
            break
    return total


@kernel(allocates=True)
def ascend(
    d: DualArrays, current: Multipliers, kept: Multipliers, average: Array, climb: Climb, target: float,
    iterations: int, patience: int,
) -> Climb:  # fmt: skip
    """Climb by deflected subgradient steps of length ``theta * (target - value) / |slope|^2``.

    Rows are scaled by the units of their group, compute limits to 1: all prices then are seconds of like magnitude.

    The best multipliers are kept; after `patience` steps without a better value, theta is halved and the climb goes on
    from the best. `average` is a moving average of the openings that the relaxation picks.

    Returns
    -------
    Climb
    """
    price, work_price = current.price, current.work_price
    best_price, best_work_price = kept.price, kept.work_price
    best, theta = climb.value, climb.theta
    rows = len(price)
    opening, slope, work_slope = np.empty(len(d.pull)), np.empty(rows), np.empty(len(d.memory))
    minimum = Minimum(
        np.empty(len(d.cost)), np.empty(len(d.units)), np.empty(len(d.pull)), np.empty(len(d.memory)),
        opening, slope, work_slope,
    )  # fmt: skip
    direction, work_direction = np.zeros(rows), np.zeros(len(d.memory))
    idle = 0
    for _ in range(iterations):
        value = evaluate(d, current, minimum)
        for index in range(len(average)):
            average[index] = average[index] * 0.95 + 0.05 * opening[index]
        if value > best + 1e-7 * abs(best):
            idle = 0
        else:
            idle += 1
        if value > best:
            best = value
            copy_into(best_price, price)
            copy_into(best_work_price, work_price)
        if idle >= patience:
            idle = 0
            theta *= 0.5
            copy_into(price, best_price)
            copy_into(work_price, best_work_price)
            direction[:] = 0.0
            work_direction[:] = 0.0
            continue
        norm = 0.0
        for row in range(rows):
            direction[row] = slope[row] / d.units[d.row_group[row]] + 0.3 * direction[row]
            if price[row] <= 0.0 and direction[row] < 0.0:
                direction[row] = 0.0
            norm += direction[row] * direction[row]
        for site in range(len(d.memory)):
            if d.limited[site]:
                scale = max(1.0, float(d.work_limit[site]))
                work_direction[site] = work_slope[site] / scale + 0.3 * work_direction[site]
                if work_price[site] <= 0.0 and work_direction[site] < 0.0:
                    work_direction[site] = 0.0
                norm += work_direction[site] * work_direction[site]
        if norm <= 1e-18 or target <= value:
            break
        step = theta * (target - value) / norm
        for row in range(rows):
            price[row] = max(0.0, price[row] + step * direction[row] / d.units[d.row_group[row]])
        for site in range(len(d.memory)):
            if d.limited[site]:
                scale = max(1.0, float(d.work_limit[site]))
                work_price[site] = max(0.0, work_price[site] + step * work_direction[site] / scale)
    return Climb(best, theta)

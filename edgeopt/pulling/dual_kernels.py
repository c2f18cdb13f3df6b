"""Compiled inner loops of the Lagrangian relaxation."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgeopt.kernels import copy_into, inner_kernel, kernel, sort_stably

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


class Room(NamedTuple):
    """What a climb writes besides."""

    direction: Array  # (rows,)
    work_direction: Array  # (sites,)
    ratios: Array  # (openings,): those of one site, and their order
    order: Array
    other_order: Array


class Climb(NamedTuple):
    """How far a climb has come: the best value, and the factor of the step length."""

    value: float
    theta: float


@inner_kernel
def evaluate(d: DualArrays, at: Multipliers, minimum: Minimum, room: Room) -> float:
    """Compute the value of the relaxation at some multipliers, and fill in its minimum and a subgradient."""
    price, work_price = at.price, at.work_price
    reduced, least, opening_cost = minimum.reduced, minimum.least, minimum.opening_cost
    opening = minimum.opening
    slope, work_slope = minimum.slope, minimum.work_slope
    total = 0.0
    _clear(slope)
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
        total += _knapsack(d, minimum, room, site)
    for row in range(len(price)):
        slope[row] -= d.units[d.row_group[row]] * opening[d.row_opening[row]]
    return total


@inner_kernel
def _knapsack(d: DualArrays, minimum: Minimum, room: Room, site: int) -> float:
    """Return the least cost of a fractional selection that fits; fill in the selection and the price of a byte."""
    cost, size, pick, memory_price = minimum.opening_cost, d.size, minimum.opening, minimum.memory_price
    first, last, memory = d.opening_start[site], d.opening_start[site + 1], d.memory[site]
    used, total = 0.0, 0.0
    for item in range(first, last):
        pick[item] = 0.0
        if cost[item] < 0:
            used += size[item]
            total += cost[item]
            pick[item] = 1.0
    memory_price[site] = 0.0
    if used <= memory:
        return total
    total, left = 0.0, float(memory)
    for item in range(first, last):
        room.ratios[item - first] = cost[item] / (size[item] if size[item] > 0 else 1e-9)
    sort_stably(room.ratios, last - first, room.order, room.other_order)
    for turn in range(last - first):
        item = first + room.order[turn]
        if cost[item] >= 0:
            break
        pick[item] = left / size[item] if size[item] > 0 and left < size[item] else 1.0
        left -= pick[item] * size[item]
        total += pick[item] * cost[item]
        if pick[item] < 1.0:
            memory_price[site] = -cost[item] / size[item]
            left = 0.0
            for other in range(first, last):
                if cost[other] + memory_price[site] * size[other] > 0:
                    pick[other] = 0.0
            break
    return total


@inner_kernel
def _clear(values: Array) -> None:
    for index in range(len(values)):
        values[index] = 0.0


@inner_kernel
def _not_negative(value: float) -> float:
    return value if value > 0.0 else 0.0


@kernel
def ascend(
    d: DualArrays, current: Multipliers, kept: Multipliers, average: Array, minimum: Minimum, room: Room, climb: Climb,
    target: float, iterations: int, patience: int,
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
    opening, slope, work_slope = minimum.opening, minimum.slope, minimum.work_slope
    direction, work_direction = room.direction, room.work_direction
    _clear(direction)
    _clear(work_direction)
    idle = 0
    for _ in range(iterations):
        value = evaluate(d, current, minimum, room)
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
            _clear(direction)
            _clear(work_direction)
            continue
        norm = 0.0
        for row in range(rows):
            direction[row] = slope[row] / d.units[d.row_group[row]] + 0.3 * direction[row]
            if price[row] <= 0.0 and direction[row] < 0.0:
                direction[row] = 0.0
            norm += direction[row] * direction[row]
        for site in range(len(d.memory)):
            if d.limited[site]:
                scale = float(d.work_limit[site]) if d.work_limit[site] > 1 else 1.0
                work_direction[site] = work_slope[site] / scale + 0.3 * work_direction[site]
                if work_price[site] <= 0.0 and work_direction[site] < 0.0:
                    work_direction[site] = 0.0
                norm += work_direction[site] * work_direction[site]
        if norm <= 1e-18 or target <= value:
            break
        step = theta * (target - value) / norm
        for row in range(rows):
            price[row] = _not_negative(price[row] + step * direction[row] / d.units[d.row_group[row]])
        for site in range(len(d.memory)):
            if d.limited[site]:
                scale = float(d.work_limit[site]) if d.work_limit[site] > 1 else 1.0
                work_price[site] = _not_negative(work_price[site] + step * work_direction[site] / scale)
    return Climb(best, theta)

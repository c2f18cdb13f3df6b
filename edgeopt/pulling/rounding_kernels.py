"""Compiled inner loops of the roundings."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgeopt.kernels import kernel

Array = Any


class Labels(NamedTuple):
    """The labels (model, site) that the options of a relaxation use; the label after the last is the cloud."""

    start: Array  # options of label l: options[start[l]:start[l + 1]]
    options: Array
    group: Array  # (all options,)
    share: Array  # (all options,): part of the group that the relaxation serves so
    in_cloud: Array  # (groups,): part that it serves in the cloud


class Chances(NamedTuple):
    """The options of a core, and the chance of each to be available."""

    group_start: Array  # options of group g by increasing cost: options[group_start[g]:group_start[g + 1]]
    options: Array
    site: Array  # (all options,)
    cost: Array  # (all options,): seconds per unit
    chance: Array  # (all options,)
    units: Array  # (groups,)
    cloud: Array  # (groups,): seconds per unit


@kernel
def take_labels(labels: Labels, choices: Array, thetas: Array, waiting: Array, amounts: Array) -> int:
    """Let the waiting groups take the drawn labels in turn, where their share reaches the threshold.

    Returns
    -------
    int
        How many groups wait still.
    """
    left = 0
    for index in range(len(waiting)):
        left += waiting[index]
    for step in range(len(choices)):
        if left == 0:
            break
        choice, theta = choices[step], thetas[step]
        if choice == len(labels.start) - 1:
            for index in range(len(waiting)):
                if waiting[index] and labels.in_cloud[index] >= theta:
                    waiting[index] = False
                    left -= 1
            continue
        for position in range(labels.start[choice], labels.start[choice + 1]):
            option = labels.options[position]
            group = labels.group[option]
            if labels.share[option] >= theta and waiting[group]:
                amounts[option] = 1
                waiting[group] = False
                left -= 1
    return left


@kernel
def expected_service(chances: Chances, groups: Array, fixed_site: int, fixed: Array, at_site: Array) -> float:
    """Return the expected delay of some groups when each takes the cheapest option that is available, or the cloud.

    Sites are independent. At one site the options of chance at least t are available together with probability t,
    so the cheapest there costs at most c with the largest chance of those that do.

    Parameters
    ----------
    chances : Chances
    groups : numpy.ndarray of int64
    fixed_site, fixed : int and numpy.ndarray, shape (all options,)
        The chances of one site are those of `fixed` instead.
    at_site : numpy.ndarray, shape (sites,)
        Zeros, and zeros again at the end.
    """
    total = 0.0
    for group in groups:
        alive, last = 1.0, chances.group_start[group]
        for position in range(chances.group_start[group], chances.group_start[group + 1]):
            option = chances.options[position]
            where = chances.site[option]
            now = fixed[option] if where == fixed_site else chances.chance[option]
            last = position + 1
            if now > at_site[where]:
                rest = alive * (1.0 - now) / (1.0 - at_site[where])
                total += chances.units[group] * chances.cost[option] * (alive - rest)
                alive, at_site[where] = rest, now
                if now >= 1.0:
                    alive = 0.0
                    break
        total += chances.units[group] * chances.cloud[group] * alive
        for position in range(chances.group_start[group], last):
            at_site[chances.site[chances.options[position]]] = 0.0
    return total

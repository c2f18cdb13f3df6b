"""Compiled inner loops of the roundings."""

from __future__ import annotations

from typing import Any

from edgeopt.kernels import kernel

Array = Any


@kernel
def take_labels(
    choices: Array, thetas: Array, label_start: Array, options: Array, group: Array, share: Array, in_cloud: Array,
    waiting: Array, amounts: Array,
) -> int:  # fmt: skip
    """Let the waiting groups take the drawn labels in turn, where their share reaches the threshold.

    Options of label l are ``options[label_start[l]:label_start[l + 1]]``; the label after the last is the cloud.

    Returns
    -------
    int
        How many groups wait still.
    """
    left = 0
    for group_index in range(len(waiting)):
        left += waiting[group_index]
    for step in range(len(choices)):
        if left == 0:
            break
        choice, theta = choices[step], thetas[step]
        if choice == len(label_start) - 1:
            for index in range(len(waiting)):
                if waiting[index] and in_cloud[index] >= theta:
                    waiting[index] = False
                    left -= 1
            continue
        for position in range(label_start[choice], label_start[choice + 1]):
            option = options[position]
            if share[option] >= theta and waiting[group[option]]:
                amounts[option] = 1
                waiting[group[option]] = False
                left -= 1
    return left


@kernel
def expected_service(
    groups: Array, group_start: Array, options: Array, site: Array, cost: Array, chance: Array, units: Array,
    cloud: Array, fixed_site: int, fixed: Array, at_site: Array,
) -> float:  # fmt: skip
    """Expected delay of some groups when each takes the cheapest option that is available, or the cloud.

    Sites are independent. At one site the options of chance at least t are available together with probability t,
    so the cheapest there costs at most c with the largest chance of those that do. Options of group g, by increasing
    cost, are ``options[group_start[g]:group_start[g + 1]]``.

    Parameters
    ----------
    fixed_site, fixed : int and numpy.ndarray
        The chances of one site are those of `fixed` instead.
    at_site : numpy.ndarray, shape (sites,)
        Zeros, and zeros again at the end.
    """
    total = 0.0
    for group in groups:
        alive, last = 1.0, group_start[group]
        for position in range(group_start[group], group_start[group + 1]):
            option = options[position]
            where = site[option]
            now = fixed[option] if where == fixed_site else chance[option]
            last = position + 1
            if now > at_site[where]:
                rest = alive * (1.0 - now) / (1.0 - at_site[where])
                total += units[group] * cost[option] * (alive - rest)
                alive, at_site[where] = rest, now
                if now >= 1.0:
                    alive = 0.0
                    break
        total += units[group] * cloud[group] * alive
        for position in range(group_start[group], last):
            at_site[site[options[position]]] = 0.0
    return total

"""Compiled inner loops of the heuristics: serving with open atoms, and opening bundles of models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = Any


@njit(cache=True)
def count_missing(
    site: int, model_start: Array, model_atoms: Array, costly: Array, opened: Array, missing: Array
) -> None:
    """Count the costly atoms that each model lacks at a site."""
    for model in range(len(model_start) - 1):
        lacking = 0
        for position in range(model_start[model], model_start[model + 1]):
            atom = model_atoms[position]
            if costly[site, atom] and not opened[site, atom]:
                lacking += 1
        missing[site, model] = lacking


@njit(cache=True)
def serve_freely(
    group_start: Array, model: Array, site: Array, cost: Array, units: Array, cloud: Array, missing: Array,
    amounts: Array, worst: Array, movable: Array,
) -> float:  # fmt: skip
    """Serve each group by its cheapest open option; no compute limits. Returns the total of the service."""
    total = 0.0
    amounts[:] = 0
    for group in range(len(units)):
        worst[group], movable[group] = cloud[group], units[group]
        for option in range(group_start[group], group_start[group + 1]):
            if missing[site[option], model[option]] == 0:
                amounts[option], worst[group] = units[group], cost[option]
                break
        total += units[group] * worst[group]
    return total


@njit(cache=True)
def serve_limited(
    group_start: Array, group: Array, model: Array, site: Array, cost: Array, work: Array, units: Array, cloud: Array,
    work_limit: Array, order: Array, missing: Array, amounts: Array, worst: Array, movable: Array, room: Array,
) -> float:  # fmt: skip
    """Serve units in a fixed order of options within the compute limits, then move units to cheaper options.

    `worst` and `movable` become the cost of each group's dearest units and how many they are.
    """
    amounts[:] = 0
    left = units.copy()
    room[:] = work_limit
    for option in order:
        if missing[site[option], model[option]] == 0 and left[group[option]] > 0:
            count = left[group[option]]
            if work[option] > 0:
                count = min(count, room[site[option]] // work[option])
            amounts[option] += count
            left[group[option]] -= count
            room[site[option]] -= count * work[option]
    for option in order:
        if missing[site[option], model[option]] == 0:
            _pull_units(option, group_start, group, site, cost, work, cloud, amounts, left, room)
    total = 0.0
    for index in range(len(units)):
        worst[index], movable[index] = cloud[index], left[index]
        total += left[index] * cloud[index]
        for option in range(group_start[index + 1] - 1, group_start[index] - 1, -1):
            total += amounts[option] * cost[option]
            if movable[index] == 0 and amounts[option] > 0:
                worst[index], movable[index] = cost[option], amounts[option]
    return total


@njit(cache=True)
def _pull_units(
    option: int, group_start: Array, group: Array, site: Array, cost: Array, work: Array, cloud: Array,
    amounts: Array, left: Array, room: Array,
) -> None:  # fmt: skip
    """Move dearer units of the group to an option as far as there is room."""
    owner = group[option]
    if left[owner] > 0 and cloud[owner] > cost[option]:
        count = left[owner]
        if work[option] > 0:
            count = min(count, room[site[option]] // work[option])
        amounts[option] += count
        left[owner] -= count
        room[site[option]] -= count * work[option]
    for other in range(group_start[owner + 1] - 1, option, -1):
        if amounts[other] > 0 and cost[other] > cost[option]:
            count = amounts[other]
            space = room[site[option]] + (work[other] * count if site[other] == site[option] else 0)
            if work[option] > 0:
                count = min(count, space // work[option])
                if site[other] == site[option]:
                    while count > 0 and count * work[option] > room[site[option]] + count * work[other]:
                        count -= 1
            amounts[option] += count
            amounts[other] -= count
            room[site[option]] -= count * work[option]
            room[site[other]] += count * work[other]


@njit(cache=True)
def _model_gain(run: Array, group: Array, cost: Array, work: Array, worst: Array, movable: Array, room: int) -> float:
    """What the options of one model at one site save, within the room that is left there."""
    gain = 0.0
    for option in run:
        saving = worst[group[option]] - cost[option]
        if saving > 0:
            count = movable[group[option]]
            if work[option] > 0:
                count = min(count, room // work[option])
                room -= count * work[option]
            gain += saving * count
    return gain


@njit(cache=True)
def bundle(
    at: int, candidates: Array, runs: Array, runs_start: Array, models: int, group: Array, cost: Array, work: Array,
    model_start: Array, model_atoms: Array, costly: Array, size: Array, pull: Array, opened: Array, free: int,
    memory: int, worst: Array, movable: Array, room: int, alpha: float, trial_worst: Array, trial_open: Array,
    chosen: Array,
) -> tuple[float, float, int]:  # fmt: skip
    """Find the best prefix of some models to open together at a site.

    Models are taken by decreasing saving, those that do not fit are skipped, and the prefix of the best score
    ``(saving - pulling) / (bytes / memory) ** alpha`` wins.

    Returns
    -------
    score : float
        Negative when nothing gains.
    gain : float
    count : int
        The models are ``chosen[:count]``.
    """
    gains = np.empty(len(candidates))
    for index in range(len(candidates)):
        key = at * models + candidates[index]
        run = runs[runs_start[key] : runs_start[key + 1]]
        gains[index] = _model_gain(run, group, cost, work, worst, movable, room)
    best_score, best_gain, best_count = -1.0, 0.0, 0
    taken, total, bytes_used = 0, 0.0, 0
    for index in np.argsort(-gains, kind="mergesort"):
        if gains[index] <= 0.0:
            break
        model = candidates[index]
        extra_bytes, extra_pull = 0, 0.0
        for position in range(model_start[model], model_start[model + 1]):
            atom = model_atoms[position]
            if costly[at, atom] and not opened[at, atom] and not trial_open[atom]:
                extra_bytes += size[at, atom]
                extra_pull += pull[at, atom]
        if bytes_used + extra_bytes > free:
            continue
        for position in range(model_start[model], model_start[model + 1]):
            trial_open[model_atoms[position]] = True
        bytes_used += extra_bytes
        total -= extra_pull
        key = at * models + model
        for option in runs[runs_start[key] : runs_start[key + 1]]:
            now = min(worst[group[option]], trial_worst[group[option]])
            if cost[option] < now:
                count = movable[group[option]]
                if work[option] > 0:
                    count = min(count, room // work[option])
                    room -= count * work[option]
                if count > 0:
                    total += (now - cost[option]) * count
                    trial_worst[group[option]] = cost[option]
        chosen[taken] = model
        taken += 1
        score = total / max(bytes_used / max(memory, 1), 1e-6) ** alpha
        if total > 0 and score > best_score:
            best_score, best_gain, best_count = score, total, taken
    for index in range(taken):
        model = chosen[index]
        for position in range(model_start[model], model_start[model + 1]):
            trial_open[model_atoms[position]] = False
        key = at * models + model
        for option in runs[runs_start[key] : runs_start[key + 1]]:
            trial_worst[group[option]] = np.inf
    return best_score, best_gain, best_count

"""Compiled inner loops of the heuristics: serving with open atoms, and opening bundles of models."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgeopt.kernels import copy_into, inner_kernel, kernel, sort_stably

Array = Any
LEAST_SHARE = 1e-6  # of the memory; bundles that take less score alike


class CoreArrays(NamedTuple):
    """The arrays of a core, and what the kernels need besides."""

    units: Array
    cloud: Array  # a large penalty where the cloud cannot serve
    group_start: Array
    group: Array
    model: Array
    site: Array
    cost: Array
    work: Array
    memory: Array
    work_limit: Array
    size: Array
    pull: Array
    costly: Array
    model_start: Array
    model_atoms: Array
    run_start: Array  # options by (site, model)
    runs: Array
    order: Array  # options by saving per share of the compute limit
    limited: bool
    bundle_start: Array  # bundles of models: the holders of each shared atom, and each model alone
    bundle_models: Array


class State(NamedTuple):
    """The open atoms and how they serve the groups; changed in place."""

    opened: Array  # (sites, atoms)
    missing: Array  # (sites, models): costly atoms that a model lacks
    free: Array  # bytes left at each site
    amounts: Array
    worst: Array  # cost of each group's dearest units
    movable: Array  # how many they are
    room: Array  # work left at each site
    trial_worst: Array
    trial_open: Array
    chosen: Array
    left: Array  # units of each group that nothing serves yet
    losses: Array  # of models, and their order by it
    sequence: Array
    other_sequence: Array
    needed: Array  # (sites, atoms)
    old_worst: Array  # what `worst`, `movable` and `room` were before
    old_movable: Array
    old_room: Array
    touched: Array  # (sites,)
    largest: Array  # (sites,): the largest score of each


@inner_kernel
def recount(t: CoreArrays, s: State, site: int) -> None:
    """Bring the free bytes of a site and what its models lack in line with the open atoms."""
    s.free[site] = t.memory[site]
    for atom in range(s.opened.shape[1]):
        if s.opened[site, atom]:
            s.free[site] -= t.size[site, atom]
    for model in range(len(t.model_start) - 1):
        lacking = 0
        for position in range(t.model_start[model], t.model_start[model + 1]):
            atom = t.model_atoms[position]
            if t.costly[site, atom] and not s.opened[site, atom]:
                lacking += 1
        s.missing[site, model] = lacking


@inner_kernel
def serve(t: CoreArrays, s: State) -> float:
    """Serve all groups with what is open; returns the total of the service, without pulling."""
    for option in range(len(s.amounts)):
        s.amounts[option] = 0
    if t.limited:
        return complete(t, s)
    total = 0.0
    for group in range(len(t.units)):
        s.worst[group], s.movable[group] = t.cloud[group], t.units[group]
        for option in range(t.group_start[group], t.group_start[group + 1]):
            if s.missing[t.site[option], t.model[option]] == 0:
                s.amounts[option], s.worst[group] = t.units[group], t.cost[option]
                break
        total += t.units[group] * s.worst[group]
    return total


@inner_kernel
def complete(t: CoreArrays, s: State) -> float:
    """Serve the units left in a fixed order of options within the compute limits, then move some to cheaper ones."""
    left = s.left
    copy_into(left, t.units)
    copy_into(s.room, t.work_limit)
    for option in range(len(t.group)):
        left[t.group[option]] -= s.amounts[option]
        s.room[t.site[option]] -= s.amounts[option] * t.work[option]
    for _ in range(2):
        for option in t.order:
            if s.missing[t.site[option], t.model[option]] == 0:
                _move_units(t, s, option)
    total = 0.0
    for group in range(len(t.units)):
        s.worst[group], s.movable[group] = t.cloud[group], left[group]
        total += left[group] * t.cloud[group]
        for option in range(t.group_start[group + 1] - 1, t.group_start[group] - 1, -1):
            total += s.amounts[option] * t.cost[option]
            if s.movable[group] == 0 and s.amounts[option] > 0:
                s.worst[group], s.movable[group] = t.cost[option], s.amounts[option]
    return total


@inner_kernel
def _move_units(t: CoreArrays, s: State, option: int) -> None:
    """Move dearer units of an option's group to it, as far as there is room."""
    group, site, need = t.group[option], t.site[option], t.work[option]
    left = s.left
    count = left[group] if need == 0 else _smaller(left[group], s.room[site] // need)
    if count > 0:
        s.amounts[option] += count
        left[group] -= count
        s.room[site] -= count * need
    for other in range(t.group_start[group + 1] - 1, option, -1):
        if s.amounts[other] > 0 and t.cost[other] > t.cost[option]:
            net = need - t.work[other] if t.site[other] == site else need
            count = s.amounts[other] if net <= 0 else _smaller(s.amounts[other], s.room[site] // net)
            s.amounts[option] += count
            s.amounts[other] -= count
            s.room[t.site[other]] += count * t.work[other]
            s.room[site] -= count * need


@inner_kernel
def _smaller(one: int, other: int) -> int:
    return one if one < other else other


@inner_kernel
def _saving(t: CoreArrays, s: State, site: int, model: int) -> float:
    """Return what the options of one model at one site save, within the room that is left there."""
    gain, room = 0.0, s.room[site]
    key = site * (len(t.model_start) - 1) + model
    for position in range(t.run_start[key], t.run_start[key + 1]):
        option = t.runs[position]
        saving = s.worst[t.group[option]] - t.cost[option]
        if saving > 0:
            count = s.movable[t.group[option]]
            if t.limited and t.work[option] > 0:
                count = _smaller(count, room // t.work[option])
                room -= count * t.work[option]
            gain += saving * count
    return gain


@inner_kernel
def best_prefix(t: CoreArrays, s: State, site: int, bundle: int, alpha: float) -> tuple[float, int]:
    """Find the best prefix of the models of a bundle to open together at a site.

    Models are taken by decreasing saving, those that do not fit are skipped, and the prefix of the best score
    ``(saving - pulling) / (bytes / memory) ** alpha`` wins.

    Returns
    -------
    score : float
        Negative when nothing gains.
    count : int
        The models are ``s.chosen[:count]``.
    """
    models, first = len(t.model_start) - 1, t.bundle_start[bundle]
    candidates, losses = t.bundle_start[bundle + 1] - first, s.losses
    for index in range(candidates):
        model = t.bundle_models[first + index]
        # What is open serves already: opening it again would never end.
        losses[index] = -_saving(t, s, site, model) if s.missing[site, model] > 0 else 0.0
    best_score, best_count = -1.0, 0
    taken, total, used, room = 0, 0.0, 0, s.room[site]
    sort_stably(losses, candidates, s.sequence, s.other_sequence)
    for turn in range(candidates):
        if losses[s.sequence[turn]] >= 0.0:
            break
        model = t.bundle_models[first + s.sequence[turn]]
        size, pull = _missing_atoms(t, s, site, model)
        if used + size > s.free[site]:
            continue
        for position in range(t.model_start[model], t.model_start[model + 1]):
            s.trial_open[t.model_atoms[position]] = True
        used += size
        total -= pull
        key = site * models + model
        for position in range(t.run_start[key], t.run_start[key + 1]):
            option = t.runs[position]
            group = t.group[option]
            now = s.worst[group] if s.worst[group] < s.trial_worst[group] else s.trial_worst[group]
            count = s.movable[group]
            if t.limited and t.work[option] > 0:
                count = _smaller(count, room // t.work[option])
            if t.cost[option] < now and count > 0:
                total += (now - t.cost[option]) * count
                room -= count * t.work[option]
                s.trial_worst[group] = t.cost[option]
        s.chosen[taken] = model
        taken += 1
        share = used / t.memory[site] if t.memory[site] > 1 else float(used)
        score = total / (share if share > LEAST_SHARE else LEAST_SHARE) ** alpha
        if total > 0 and score > best_score:
            best_score, best_count = score, taken
    for index in range(taken):
        _forget(t, s, site, s.chosen[index])
    return best_score, best_count


@inner_kernel
def _missing_atoms(t: CoreArrays, s: State, site: int, model: int) -> tuple[int, float]:
    """Return the bytes and seconds of pulling of the atoms that a model lacks beside those on trial."""
    size, pull = 0, 0.0
    for position in range(t.model_start[model], t.model_start[model + 1]):
        atom = t.model_atoms[position]
        if t.costly[site, atom] and not s.opened[site, atom] and not s.trial_open[atom]:
            size += t.size[site, atom]
            pull += t.pull[site, atom]
    return size, pull


@inner_kernel
def _forget(t: CoreArrays, s: State, site: int, model: int) -> None:
    """Undo the trial of a model."""
    for position in range(t.model_start[model], t.model_start[model + 1]):
        s.trial_open[t.model_atoms[position]] = False
    key = site * (len(t.model_start) - 1) + model
    for position in range(t.run_start[key], t.run_start[key + 1]):
        s.trial_worst[t.group[t.runs[position]]] = np.inf


@inner_kernel
def open_model(t: CoreArrays, s: State, site: int, model: int) -> None:
    """Open all atoms of a model at a site."""
    for position in range(t.model_start[model], t.model_start[model + 1]):
        atom = t.model_atoms[position]
        if t.costly[site, atom]:
            s.opened[site, atom] = True


@kernel
def insert(
    t: CoreArrays, s: State, recounted: Array, sites: Array, alpha: float, noise: Array, scores: Array, fresh: Array,
    steps: int,
) -> int:  # fmt: skip
    """Open the best bundle at the given sites again and again until none gains; largest old score first.

    Before, the sites whose atoms were changed from outside are recounted.

    Scores, infinite at first, are multiplied by ``noise``; ``fresh`` says which still hold (one for each site and
    bundle): all but those of the sites that an opening touches. Runs at most `steps` evaluations.

    Returns
    -------
    int
        Evaluations left; 0 when the run was cut short and is to be continued.
    """
    for site in recounted:
        recount(t, s, site)
    serve(t, s)
    largest, touched = s.largest, s.touched
    for row in range(len(sites)):
        largest[row] = scores[row, _best_bundle(scores, row)]
    while steps > 0:
        row = 0
        for other in range(1, len(sites)):
            if largest[other] > largest[row]:
                row = other
        if largest[row] <= 0.0:
            break
        bundle, site = _best_bundle(scores, row), sites[row]
        score, count = best_prefix(t, s, site, bundle, alpha)
        if not fresh[row, bundle]:
            steps -= 1
            scores[row, bundle] = score * noise[row, bundle] if score > 0 else -1.0
            largest[row] = scores[row, _best_bundle(scores, row)]
            fresh[row, bundle] = True
            continue
        for index in range(count):
            open_model(t, s, site, s.chosen[index])
        recount(t, s, site)
        copy_into(s.old_worst, s.worst)
        copy_into(s.old_movable, s.movable)
        copy_into(s.old_room, s.room)
        serve(t, s)
        for other in range(len(touched)):
            touched[other] = s.old_room[other] != s.room[other]
        touched[site] = True
        _touch(t, s)
        for other in range(len(sites)):
            if touched[sites[other]]:
                for index in range(scores.shape[1]):
                    fresh[other, index] = False
        for index in range(scores.shape[1]):
            scores[row, index] = np.inf
        largest[row] = np.inf
    return steps


@inner_kernel
def _best_bundle(scores: Array, row: int) -> int:
    """Return the first bundle of the largest score of a row."""
    best = 0
    for bundle in range(1, scores.shape[1]):
        if scores[row, bundle] > scores[row, best]:
            best = bundle
    return best


@inner_kernel
def _touch(t: CoreArrays, s: State) -> None:
    """Mark the sites that could serve a group whose dearest units were others before."""
    for group in range(len(t.units)):
        now, before = s.worst[group], s.old_worst[group]
        if now != before or s.movable[group] != s.old_movable[group]:
            dearest = now if now > before else before
            for option in range(t.group_start[group], t.group_start[group + 1]):
                if t.cost[option] >= dearest:
                    break
                s.touched[t.site[option]] = True


@inner_kernel
def drop_useless(t: CoreArrays, s: State) -> float:
    """Close atoms that no used option needs; returns the pulling of what stays open."""
    needed = s.needed
    for site in range(needed.shape[0]):
        for atom in range(needed.shape[1]):
            needed[site, atom] = False
    for option in range(len(t.cost)):
        if s.amounts[option] > 0:
            for position in range(t.model_start[t.model[option]], t.model_start[t.model[option] + 1]):
                needed[t.site[option], t.model_atoms[position]] = True
    total = 0.0
    for site in range(s.opened.shape[0]):
        changed = False
        for atom in range(s.opened.shape[1]):
            if s.opened[site, atom] and not needed[site, atom]:
                s.opened[site, atom] = False
                changed = True
            if s.opened[site, atom]:
                total += t.pull[site, atom]
        if changed:
            recount(t, s, site)
    return total


@kernel
def settle(t: CoreArrays, s: State, recounted: Array, anew: bool) -> float:
    """Serve with what is open, and close what nobody needs; returns the total of service and pulling.

    Before, the sites whose atoms were changed from outside are recounted. Not `anew`, the amounts stand, and only the
    units left are served.
    """
    for site in recounted:
        recount(t, s, site)
    service = serve(t, s) if anew else complete(t, s)
    return service + drop_useless(t, s)


@kernel
def place_in_order(t: CoreArrays, s: State, sequence: Array) -> None:
    """Give each option in order all units of its group that are left and fit, pulling what it lacks."""
    left = s.left
    copy_into(left, t.units)
    copy_into(s.room, t.work_limit)
    for option in range(len(s.amounts)):
        s.amounts[option] = 0
    for option in sequence:
        group, site = t.group[option], t.site[option]
        if left[group] == 0:
            continue
        size, _ = _missing_atoms(t, s, site, t.model[option])
        count = left[group] if t.work[option] == 0 else _smaller(left[group], s.room[site] // t.work[option])
        if count == 0 or size > s.free[site]:
            continue
        model = t.model[option]
        if s.missing[site, model] > 0:
            open_model(t, s, site, model)
            recount(t, s, site)
        s.amounts[option] += count
        left[group] -= count
        s.room[site] -= count * t.work[option]

"""Compiled kernel of the path relaxation: the best walk of one GPU through time at prices of the users.

Time after the upload phase is cut into steps. A walk loads models and computes batches, whose durations are rounded
down to whole steps; it may serve a user again and again, as far as its memory allows, and pays the user's price each
time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel, stable_order

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEVER = -1e300


class Steps(NamedTuple):
    """Durations in whole steps, and who is due when.

    Attributes
    ----------
    number : int
        The number of steps.
    rank : numpy.ndarray of int64, shape (number + 1, models)
        How many users of a model are due before a step: those whose batch may not end at it.
    switch : numpy.ndarray of int64, shape (models + 1, models)
        For loading; the last row: on an empty GPU.
    compute, split : numpy.ndarray of int64, shape (models, most users + 1)
        For a number of users in one batch (at least 1), and in as few batches as possible, but two at least.
    """

    number: int
    rank: Integers
    switch: Integers
    compute: Integers
    split: Integers


class Memory(NamedTuple):
    """What a walk remembers: in which group of its users, by deadline, each model's last visit ended.

    Attributes
    ----------
    groups : numpy.ndarray of int64, shape (models,)
        Numbers of groups.
    start : numpy.ndarray of int64, shape (models, most groups + 1)
        Ranks at which groups begin, and the number of the model's users.
    stride : numpy.ndarray of int64, shape (models,)
        A state is the sum of the remembered groups times these.
    smaller : numpy.ndarray of int64, shape (states, models)
        The state in which a model's group is the one before, or the state itself.
    offset : numpy.ndarray of int64, shape (models + 1,)
        Where the rewards of each model begin, see `tabulate`.
    """

    groups: Integers
    start: Integers
    stride: Integers
    smaller: Integers
    offset: Integers


class WalkTables(NamedTuple):
    """Scratch: values of walks that have just finished or loaded a model, and where they come from.

    Shape (steps + 1, states, models) each; `best_done` and `best_ready`, the best values so far, (states, models);
    `reward` as `tabulate` says.
    """

    done: Floats
    ready: Floats
    chosen: NDArray[np.int32]
    origin: NDArray[np.int16]
    best_done: Floats
    best_ready: Floats
    reward: Floats


def forget(steps: Steps, memory: Memory, tables: WalkTables) -> None:
    """Forget the walks of the last search."""
    states = len(memory.smaller)
    for table in (tables.done, tables.ready):
        table[: steps.number + 1, :states] = NEVER
    for table in (tables.best_done, tables.best_ready):
        table[:states] = NEVER


@inner_kernel(allocates=True)
def tabulate(worth: Floats, first: Integers, memory: Memory, ranked: Integers, reward: Floats) -> None:
    """Tabulate the best users of each model among those from rank c by deadline on, up to the end of a group.

    What n of them are worth stands at ``(group * n_i + c) * (n_i + 1) + n`` from the model's offset on. `ranked`
    receives the users of each model from the most worthy to the least.
    """
    for model in range(len(first) - 1):
        low, high = first[model], first[model + 1]
        losses = np.empty(high - low)
        for user in range(low, high):
            losses[user - low] = -worth[user]
        order = stable_order(losses)
        for index in range(high - low):
            ranked[low + index] = low + order[index]
        for group in range(memory.groups[model]):
            end = memory.start[model, group + 1]
            for rank in range(end):
                base = memory.offset[model] + (group * (high - low) + rank) * (high - low + 1)
                table = reward[base : base + high - low + 1]
                number, total = 0, 0.0
                table[0] = 0.0
                for index in range(low, high):
                    user = ranked[index]
                    if worth[user] <= 0.0:
                        break
                    if rank <= user - low < end:
                        number += 1
                        total += worth[user]
                        table[number] = total
                for beyond in range(number + 1, high - low + 1):
                    table[beyond] = NEVER


@inner_kernel
def undominated(value: float, best_so_far: Floats, state: int, model: int, smaller: Integers) -> bool:
    """Whether a walk is better than all that were as far no later and remember no more; `best_so_far` is updated."""
    best = best_so_far[state, model]
    for other in range(smaller.shape[1]):
        best = max(best, best_so_far[smaller[state, other], model])
    best_so_far[state, model] = max(best, value)
    return value > best


@inner_kernel
def load(step: int, steps: Steps, memory: Memory, tables: WalkTables) -> None:
    """Continue the walks that finish a visit at a step: load each other model."""
    models, states = steps.switch.shape[1], len(memory.smaller)
    for state in range(states):
        for model in range(models):
            value = tables.done[step, state, model]
            if value == NEVER or not undominated(value, tables.best_done, state, model, memory.smaller):
                continue
            for other in range(models):
                arrival = step + steps.switch[model, other]
                if other != model and arrival <= steps.number and value > tables.ready[arrival, state, other]:
                    tables.ready[arrival, state, other] = value
                    tables.origin[arrival, state, other] = model


@inner_kernel
def serve(step: int, steps: Steps, memory: Memory, capacity: Integers, tables: WalkTables) -> None:
    """Continue the walks that have loaded a model by a step: visit it, up to each of its groups.

    What is chosen is written as the number of users (negative: in several batches) and the group remembered before.
    """
    models, states = len(capacity), len(memory.smaller)
    most = memory.start.shape[1]
    for state in range(states):
        for model in range(models):
            value = tables.ready[step, state, model]
            if value == NEVER or not undominated(value, tables.best_ready, state, model, memory.smaller):
                continue
            waiting = memory.start[model, memory.groups[model]]
            before = state // memory.stride[model] % memory.groups[model]
            lowest = memory.start[model, before]
            soonest = step + steps.compute[model, 1]
            if soonest > steps.number:
                continue
            earliest = max(lowest, steps.rank[soonest, model])
            for group in range(before, memory.groups[model]):
                top = memory.start[model, group + 1]
                base = memory.offset[model] + group * waiting * (waiting + 1)
                target = state + (group - before) * memory.stride[model]
                for number in range(1, capacity[model] + 1):
                    end = step + steps.compute[model, number]
                    if end > steps.number:
                        break
                    now = max(lowest, steps.rank[end, model])
                    gain = tables.reward[base + now * (waiting + 1) + number] if now < top else NEVER
                    if gain == NEVER:
                        break
                    total = value + gain
                    if total > tables.done[end, target, model]:
                        tables.done[end, target, model] = total
                        tables.chosen[end, target, model] = number * most + before
                if earliest >= top:
                    continue
                for number in range(2, top - earliest + 1):
                    end = step + steps.split[model, number]
                    gain = tables.reward[base + earliest * (waiting + 1) + number]
                    if end > steps.number or gain == NEVER:
                        break
                    if number <= capacity[model] and steps.rank[end, model] <= earliest:
                        continue  # one batch does as well
                    total = value + gain
                    if total > tables.done[end, target, model]:
                        tables.done[end, target, model] = total
                        tables.chosen[end, target, model] = -(number * most + before)


@kernel(allocates=True)
def best_walk(
    worth: Floats,
    first: Integers,
    capacity: Integers,
    steps: Steps,
    memory: Memory,
    tables: WalkTables,
    counts: Integers,
) -> float:
    """Find the walk of greatest worth, and how often it serves each user.

    Parameters
    ----------
    worth : numpy.ndarray, shape (users,)
        What one service is worth; users of no worth are not served.
    first : numpy.ndarray of int64, shape (models + 1,)
        Where each model's users, by deadline, begin.
    capacity : numpy.ndarray of int64, shape (models,)
    steps : Steps
    memory : Memory
    tables : WalkTables
        Scratch, forgotten.
    counts : numpy.ndarray of int64, shape (users,)
        Zeros; receives the numbers of services.
    """
    models, states = len(capacity), len(memory.smaller)
    ranked = np.empty(len(worth), np.int64)
    tabulate(worth, first, memory, ranked, tables.reward)
    for model in range(models):
        if steps.switch[models, model] <= steps.number:
            tables.ready[steps.switch[models, model], 0, model] = 0.0
            tables.origin[steps.switch[models, model], 0, model] = models
    best, step, state, model = 0.0, -1, 0, models
    for now in range(steps.number + 1):
        load(now, steps, memory, tables)
        serve(now, steps, memory, capacity, tables)
        for s in range(states):
            for m in range(models):
                if tables.done[now, s, m] > best:
                    best, step, state, model = tables.done[now, s, m], now, s, m
    most = memory.start.shape[1]
    while model < models:
        choice = tables.chosen[step, state, model]
        number, before = abs(choice) // most, abs(choice) % most
        group = state // memory.stride[model] % memory.groups[model]
        spent = steps.compute[model, number] if choice > 0 else steps.split[model, number]
        due = step if choice > 0 else step - spent + steps.compute[model, 1]
        lowest = max(memory.start[model, before], steps.rank[due, model])
        for index in range(first[model], first[model + 1]):
            user = ranked[index]
            if number and lowest <= user - first[model] < memory.start[model, group + 1]:
                counts[user] += 1
                number -= 1
        step -= spent
        state -= (group - before) * memory.stride[model]
        last = tables.origin[step, state, model]
        step -= steps.switch[last, model]
        model = last
    return best

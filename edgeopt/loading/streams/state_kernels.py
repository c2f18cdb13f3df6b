"""Compiled kernels of the exact search of streams: states, their dominance, and the search, best bound first.

A state is told by who is *gone* (served or, where nobody has anything to upload, passed over for being late), what is
on the GPU (with consecutive retention the last model, else the set of blocks that are still of use), and which model
has to come next because it is partly loaded, if any. Its value is the least time at which the GPU is free. Of two
states with the same users gone and the same next model, one covers the other if it has served as many, has on the GPU
what the other has, and is free no later. With consecutive retention it may also load what it lacks first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.batches.counts_kernels import KeptSets, kept_sets
from edgeopt.loading.streams.batch_kernels import Batches, earliest_due_in_time, sets_in_time
from edgeopt.loading.streams.reach_kernels import Shares, reach
from edgeopt.loading.streams.tables import IDLE, NEXT, Floats, Integers, Tables

# Columns of the states.
GONE, CONTENT, FOLLOWING, COUNT, PARENT, MODEL, USERS, AHEAD, CHAINED, REACH = range(10)
STATES, QUEUED, BEST, BEST_STATE, IN_SLOTS = range(5)  # entries of the cursor; the last is 0 for a new hash table
NOTHING = -1
DONE, PAUSED, FULL, TOO_MANY = range(4)


class Store(NamedTuple):
    """The states in rows and their times, the hash table of their chains, the queue as a heap, and the cursor."""

    states: Integers
    times: Floats
    slots: Integers
    heap: Integers
    cursor: Integers


class State(NamedTuple):
    """A state, what it has served in units, and the batch from its parent that it comes from."""

    gone: int
    content: int
    following: int
    served: int
    parent: int
    model: int
    users: int
    ahead: int


@inner_kernel
def find_slot(slots: Integers, states: Integers, gone: int, following: int) -> int:
    """Return the slot of the chain of these users gone and this next model, or a free one."""
    mask = len(slots) - 1
    at = ((gone * 64 + following + 1) * 0x1E3779B97F4A7C15 >> 17) & mask
    while slots[at] >= 0 and (states[slots[at], GONE] != gone or states[slots[at], FOLLOWING] != following):
        at = (at + 1) & mask
    return at


@inner_kernel
def covers(
    count: int,
    content: int,
    time: float,
    other_count: int,
    other_content: int,
    other_s: float,
    keeps: bool,
    prefetch: int,
    load_s: Floats,
) -> bool:
    """Whether one state of a chain makes another one superfluous."""
    if count < other_count or time > other_s:
        return False
    if keeps:
        return other_content & ~content == 0
    return content == other_content or (prefetch != NEXT and time + load_s[content, other_content] <= other_s)


@inner_kernel
def offer(made: State, time: float, store: Store, tables: Tables, shares: Shares) -> None:
    """Add a state unless another covers it or it cannot be better than the best; drop those that it covers."""
    states, times, slots, _, cursor = store
    keeps, prefetch, load_s = tables.keeps, tables.prefetch, tables.load_s
    gone, content, following, count = made.gone, made.content, made.following, made.served
    at = find_slot(slots, states, gone, following)
    before, other = NOTHING, slots[at]
    while other >= 0:
        after = states[other, CHAINED]
        other_count, held, reached_s = states[other, COUNT], states[other, CONTENT], times[other]
        if covers(other_count, held, reached_s, count, content, time, keeps, prefetch, load_s):
            return
        if covers(count, content, time, other_count, held, reached_s, keeps, prefetch, load_s):
            times[other] = np.inf
            if before >= 0:
                states[before, CHAINED] = after
            elif after >= 0:
                slots[at] = after
            else:  # the chain must not become empty: the new state takes its place below
                before = other
        else:
            before = other
        other = after
    most = reach(gone, content, count, time, tables, shares)
    if most <= cursor[BEST] and count <= cursor[BEST]:
        return
    new = cursor[STATES]
    cursor[STATES] += 1
    row = states[new]
    row[GONE], row[CONTENT], row[FOLLOWING], row[COUNT] = gone, content, following, count
    row[PARENT], row[MODEL], row[USERS], row[AHEAD] = made.parent, made.model, made.users, made.ahead
    row[REACH], row[CHAINED] = most, slots[at]
    times[new] = time
    slots[at] = new
    if count > cursor[BEST]:
        cursor[BEST], cursor[BEST_STATE] = count, new
    if most > cursor[BEST]:
        push(new, store)


@inner_kernel
def before_in_queue(one: int, other: int, states: Integers, times: Floats) -> bool:
    """Whether a state is expanded before another: larger bounds first, then earlier times."""
    if states[one, REACH] != states[other, REACH]:
        return states[one, REACH] > states[other, REACH]
    return times[one] < times[other]


@inner_kernel
def push(state: int, store: Store) -> None:
    """Put a state into the queue."""
    states, times, _, heap, cursor = store
    place = cursor[QUEUED]
    cursor[QUEUED] += 1
    while place > 0 and before_in_queue(state, heap[(place - 1) // 2], states, times):
        heap[place] = heap[(place - 1) // 2]
        place = (place - 1) // 2
    heap[place] = state


@inner_kernel
def pop(store: Store) -> int:
    """Take the first state out of the queue."""
    states, times, _, heap, cursor = store
    first = heap[0]
    cursor[QUEUED] -= 1
    number, last, place = cursor[QUEUED], heap[cursor[QUEUED]], 0
    while 2 * place + 1 < number:
        child = 2 * place + 1
        if child + 1 < number and before_in_queue(heap[child + 1], heap[child], states, times):
            child += 1
        if not before_in_queue(heap[child], last, states, times):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = last
    return first


@inner_kernel
def fill_slots(store: Store) -> None:
    """Fill a new hash table, which is empty; covered states are left out of the chains."""
    states, times, slots, _, cursor = store
    cursor[IN_SLOTS] = 1
    for state in range(cursor[STATES]):
        if times[state] < np.inf:
            at = find_slot(slots, states, states[state, GONE], states[state, FOLLOWING])
            states[state, CHAINED] = slots[at]
            slots[at] = state


@kernel
def expand(pops: int, store: Store, batches: Batches, tables: Tables, shares: Shares, kept: KeptSets | None) -> int:
    """Expand up to `pops` states; `kept` is None with consecutive retention.

    Returns DONE when no state is left that may serve more than the best, FULL when there is no room for more states,
    and TOO_MANY when a state has more batches or sets of blocks to keep than there is room for.
    """
    states, times, _, heap, cursor = store
    if not cursor[IN_SLOTS]:
        fill_slots(store)
    for _ in range(pops):
        if cursor[QUEUED] == 0 or states[heap[0], REACH] <= cursor[BEST]:
            return DONE
        state = pop(store)
        if times[state] == np.inf:
            continue
        result = expand_state(state, store, batches, tables, shares, kept)
        if result != PAUSED:
            push(state, store)
            return result
    return PAUSED


@inner_kernel
def expand_state(
    state: int, store: Store, batches: Batches, tables: Tables, shares: Shares, kept: KeptSets | None
) -> int:
    """Offer the states after every batch that may follow a state."""
    states, times, _, _, cursor = store
    content, time = states[state, CONTENT], times[state]
    for i in range(len(tables.capacity)):
        if states[state, FOLLOWING] >= 0 and states[state, FOLLOWING] != i:
            continue
        missing = tables.masks[i] & ~content
        if kept is None:
            load = tables.load_s[content, i]
        else:
            load = bytes_of(missing, tables.block_bytes) / tables.rate
            if tables.prefetch == IDLE and missing:
                candidates = content & ~tables.masks[i]
                number = kept_sets(candidates, tables.room_bytes[i], tables.block_bytes, kept)
                if number < 0:
                    return TOO_MANY
                if cursor[STATES] + number > len(states):
                    return FULL
                for at in range(number):
                    gone, count = states[state, GONE], states[state, COUNT]
                    made = State(gone, tables.masks[i] | kept.sets[at], NOTHING, count, state, i, 0, 0)
                    offer(made, time + load, store, tables, shares)
        if tables.capacity[i] == 0:
            continue
        if tables.silent:
            found = earliest_due_in_time(i, time + load, states[state, GONE], tables, batches)
        else:
            found = sets_in_time(i, time + load, states[state, GONE], tables, batches)
        if found < 0:
            return TOO_MANY
        for batch in range(found):
            result = after_batch(state, i, batch, store, batches, tables, shares, kept)
            if result != PAUSED:
                return result
    return PAUSED


@inner_kernel
def bytes_of(blocks: int, block_bytes: Integers) -> int:
    """Return the bytes of a set of blocks."""
    size, j = 0, 0
    while blocks >> j:
        if blocks >> j & 1:
            size += block_bytes[j]
        j += 1
    return size


@inner_kernel
def after_batch(
    state: int,
    i: int,
    batch: int,
    store: Store,
    batches: Batches,
    tables: Tables,
    shares: Shares,
    kept: KeptSets | None,
) -> int:
    """Offer the states after a batch of model i: with all that may stay or be loaded ahead."""
    states, _, _, _, cursor = store
    users, gone = batches.users[batch], batches.gone[batch]
    start, end = batches.start_s[batch], batches.end_s[batch]
    n, count, content = 0, states[state, COUNT], states[state, CONTENT]
    for k in range(tables.first[i], tables.first[i + 1]):
        if users >> k & 1:
            n += 1
            count += tables.units[k]
    useful, following = 0, 0
    for k in range(len(tables.model)):
        m = tables.model[k]
        if not gone >> k & 1 and end + tables.fixed_s[m] + tables.sample_s[m] <= tables.due_s[k]:
            following |= 1 << m
            useful |= tables.masks[m]
    if tables.prefetch == IDLE:
        useful = ~0
    room = tables.room_bytes[i] - tables.workspace_bytes[i] * n
    if not following or tables.prefetch != NEXT:
        number = 1
        if kept is not None:
            number = kept_sets(content & ~tables.masks[i] & useful, room, tables.block_bytes, kept)
        if number < 0:
            return TOO_MANY
        if cursor[STATES] + number > len(states):
            return FULL
        for at in range(number):
            after = i
            if kept is not None:
                after = (tables.masks[i] | kept.sets[at]) & useful
            offer(State(gone, after, NOTHING, count, state, i, users, 0), end, store, tables, shares)
        return PAUSED
    for m in range(len(tables.capacity)):
        if not following >> m & 1:
            continue
        if kept is None:
            if cursor[STATES] == len(states):
                return FULL
            load = tables.load_s[i, m]
            loaded, soonest = end + (load - tables.ahead_s[i, m, n]), start + load
            loaded = soonest if soonest > loaded else loaded
            offer(State(gone, m, m, count, state, i, users, 0), loaded, store, tables, shares)
        else:
            candidates = (content | tables.masks[m]) & ~tables.masks[i] & useful
            number = kept_sets(candidates, room, tables.block_bytes, kept)
            if number < 0:
                return TOO_MANY
            if cursor[STATES] + number > len(states):
                return FULL
            for at in range(number):
                ahead = kept.sets[at] & tables.masks[m] & ~content
                free = start + bytes_of(ahead, tables.block_bytes) / tables.rate
                free = free if free > end else end
                after = (tables.masks[i] | kept.sets[at]) & useful
                next_model = m if ahead else NOTHING
                offer(State(gone, after, next_model, count, state, i, users, ahead), free, store, tables, shares)
    return PAUSED

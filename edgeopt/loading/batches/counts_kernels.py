"""Compiled kernels of `counts-dp`: states, their dominance, and what a state can still reach.

A state is told by two integers. Its *code* says who is served. With overlapped uploads it holds the number of users of
each model, a digit of ``most[i] + 1`` values each; after an upload phase, where a model is visited once and radio and
GPU times add up, the set of visited models and the number of users. Its *content* says what is on the GPU: the last
model, or with capacity retention the set of blocks that are still of use. Its value is the least time of its kind: the
end of the last batch, and after an upload phase the uploads too.

States of one code form a chain; `supersedes` says which of two is superfluous.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.timing import Timing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

CODE, CONTENT, PARENT, MODEL, COUNT, CHAINED, QUEUED = range(7)  # columns of the states
LAYER, STATE, STATES = range(3)  # entries of the cursor
NOTHING = -1
MIXES = 5  # prices of radio time against GPU time
DONE, FULL, PAUSED = range(3)
BITS, LARGEST = 64, 2**63 - 1


class KeptSets(NamedTuple):
    """Room for the sets of blocks that may be kept, and for numbers of each place of `kept_sets`, (4, BITS + 1)."""

    sets: Integers
    places: Integers


def new_kept_sets(most: int) -> KeptSets:
    """Return room for so many sets."""
    return KeptSets(np.empty(most, np.int64), np.empty((4, BITS + 1), np.int64))


class Store(NamedTuple):
    """The states in rows, their times, the hash table of the first of each code, the last of each number of users.

    Then the cursor.
    """

    states: Integers
    times: Floats
    slots: Integers
    queues: Integers
    cursor: Integers


class Room(NamedTuple):
    """What does not change, and room for what the kernels write about one state.

    Attributes
    ----------
    stride, masks : array of int64, shape (models,)
        The codes of one user of each model; its blocks, as bits.
    last_s : float
        Seconds of the shortest batch.
    served, left, place : array of int64, shape (models,)
    share_s : array, shape (models,)
    resident : array of bool, shape (blocks,)
    """

    stride: Integers
    masks: Integers
    last_s: float
    served: Integers
    left: Integers
    place: Integers
    share_s: Floats
    resident: Flags


class State(NamedTuple):
    """A state with its time, where it comes from, by which batch, and its number of users."""

    code: int
    content: int
    time: float
    parent: int
    model: int
    size: int
    layer: int


class Loading(NamedTuple):
    """What loading takes, as of `Timing`."""

    overlapped: bool
    keeps: bool
    load_s: Floats
    block_bytes: Integers
    rate: float


class Question(NamedTuple):
    """How many users are asked for, until when, and what there is to serve, as of `Workload`."""

    target: int
    horizon: float
    most: Integers
    batch: Integers
    upload_s: Floats


@inner_kernel
def find_slot(slots: Integers, states: Integers, code: int) -> int:
    """Return the slot of a code in the hash table: that of its chain, or a free one."""
    mask = len(slots) - 1
    at = (code * 0x1E3779B97F4A7C15 >> 17) & mask
    while slots[at] >= 0 and states[slots[at], CODE] != code:
        at = (at + 1) & mask
    return at


@inner_kernel
def extra_s(source: int, target: int, loading: Loading) -> float:
    """Seconds to load what the target content has and the source has not."""
    if not loading.keeps:
        return loading.load_s[source, target]
    missing = target & ~source
    size, j = 0, 0
    while missing:
        if missing & 1:
            size += loading.block_bytes[j]
        missing >>= 1
        j += 1
    return size / loading.rate


@inner_kernel
def supersedes(source: int, source_s: float, target: int, target_s: float, loading: Loading) -> bool:
    """Whether the content and time of one state make another state of the same code superfluous.

    It may load what it lacks when that is first needed, and is then no later. But where batches wait for uploads, the
    other state may catch up before that: then a state of several batches' blocks must lack nothing.
    """
    if loading.overlapped and loading.keeps and target & ~source:
        return False
    return source_s + extra_s(source, target, loading) <= target_s


@inner_kernel
def offer(made: State, store: Store, loading: Loading) -> None:
    """Add a state unless another of its code makes it superfluous; drop those that it makes superfluous."""
    states, times, slots, queues, cursor = store
    code, content, time, parent, model, count, layer = made
    at = find_slot(slots, states, code)
    before, other = NOTHING, slots[at]
    while other >= 0:
        after = states[other, CHAINED]
        held, reached_s = states[other, CONTENT], times[other]
        if supersedes(held, reached_s, content, time, loading):
            return
        if supersedes(content, time, held, reached_s, loading):
            times[other] = np.inf
            if before >= 0:
                states[before, CHAINED] = after
            elif after >= 0:
                slots[at] = after
            else:  # the chain must not become empty: the new state takes its place below
                slots[at] = other
                states[other, CHAINED] = NOTHING
                before = other
        else:
            before = other
        other = after
    new = cursor[STATES]
    cursor[STATES] += 1
    states[new, CODE] = code
    states[new, CONTENT] = content
    states[new, PARENT] = parent
    states[new, MODEL] = model
    states[new, COUNT] = count
    states[new, CHAINED] = slots[at]
    states[new, QUEUED] = queues[layer]
    times[new] = time
    slots[at] = new
    queues[layer] = new


@kernel
def rebuild_slots(slots: Integers, states: Integers, times: Floats, number: int) -> None:
    """Fill a larger hash table; dead states are left out of the chains."""
    for at in range(len(slots)):
        slots[at] = NOTHING
    for state in range(number):
        if times[state] < np.inf:
            at = find_slot(slots, states, states[state, CODE])
            states[state, CHAINED] = slots[at]
            slots[at] = state


@inner_kernel
def within_reach(needed: int, gpu_left: float, radio_left: float, question: Question, timing: Timing, at: Room) -> bool:
    """Return whether a state may serve `needed` more users in time.

    Each user costs its upload, its sample, its part of a full batch, and a part of each block that is not on the GPU,
    divided among all who may use it: no set of users costs less. With overlapped uploads radio and GPU have budgets
    of their own, and so has every mix of both.
    """
    overlapped, holds, block_bytes, rate = timing.overlapped, timing.holds, timing.block_bytes, timing.rate
    upload_s, batch, fixed_s, sample_s = question.upload_s, question.batch, timing.fixed_s, timing.sample_s
    served, left, place, share_s, resident = at.served, at.left, at.place, at.share_s, at.resident
    models = len(left)
    for i in range(models):
        share_s[i] = 0.0
    for j in range(len(block_bytes)):
        if not resident[j]:
            sharers = 0
            for i in range(models):
                if holds[i, j]:
                    sharers += left[i]
            for i in range(models):
                if holds[i, j] and left[i] > 0:
                    share_s[i] += block_bytes[j] / rate / sharers
    for mix in range(MIXES if overlapped else 1):
        weight = mix / (MIXES - 1)
        budget = weight * radio_left + (1.0 - weight) * gpu_left if overlapped else gpu_left
        for i in range(models):
            place[i] = 0
        spent, found = 0.0, 0
        while found < needed:
            best, least = NOTHING, np.inf
            for i in range(models):
                if place[i] < left[i]:
                    n = served[i] + place[i]
                    upload = upload_s[i, n + 1] - upload_s[i, n]
                    work = fixed_s[i] / batch[i] + sample_s[i] + share_s[i]
                    cost = weight * upload + (1.0 - weight) * work if overlapped else upload + work
                    if cost < least:
                        best, least = i, cost
            if best < 0:
                return False
            spent += least
            if spent > budget:
                return False
            place[best] += 1
            found += 1
    return True


@inner_kernel
def kept_sets(candidates: int, room: int, block_bytes: Integers, kept: KeptSets) -> int:
    """Write the largest sets of candidate blocks that fit into the room; return their number, -1 if too many.

    A set is largest when no further candidate fits.
    """
    sets, places = kept
    number, size = 0, 0
    # Of each place: its block, bytes of the candidates from it on, the smallest left out, and what was tried last.
    index, behind, smallest_out, step = places[0], places[1], places[2], places[3]
    for j in range(len(block_bytes)):
        if candidates >> j & 1:
            index[number] = j
            number += 1
            size += block_bytes[j]
    if size <= room:
        sets[0] = candidates
        return 1
    behind[number], smallest_out[0], step[0] = 0, LARGEST, 0
    for place in range(number - 1, -1, -1):
        behind[place] = behind[place + 1] + block_bytes[index[place]]
    # Steps: 0 not looked at, 1 taken, 2 left out.
    found, place, chosen = 0, 0, 0
    while place >= 0:
        if place == number:
            if smallest_out[place] > room:
                if found == len(sets):
                    return -1
                sets[found] = chosen
                found += 1
            place -= 1
            continue
        block = index[place]
        size = block_bytes[block]
        step[place] += 1
        if step[place] == 1:
            if size > room:
                continue
            room -= size
            chosen |= 1 << block
            smallest_out[place + 1] = smallest_out[place]
            place += 1
            step[place] = 0
        elif step[place] == 2:
            if chosen >> block & 1:
                room += size
                chosen &= ~(1 << block)
            smallest_out[place + 1] = size if size < smallest_out[place] else smallest_out[place]
            if room - behind[place + 1] < smallest_out[place + 1]:  # else what was left out would fit at the end
                place += 1
                step[place] = 0
        else:
            place -= 1
    return found


@kernel
def expand(pops: int, store: Store, kept: KeptSets | None, question: Question, timing: Timing, work: Room) -> int:
    """Expand up to `pops` states, fewest users first; the states that cannot reach `target` users are left out.

    Returns DONE, PAUSED, FULL when there is no room for the states of one more expansion, or -1 when there are more
    sets of blocks to keep than `kept` holds; it is None with consecutive retention.
    """
    states, times, _, queues, cursor = store
    target, horizon, most, batch, upload_s = question
    overlapped, keeps, fixed_s, sample_s, load_s, rate, room_bytes, workspace_bytes, holds, block_bytes = timing
    loading = Loading(overlapped, keeps, load_s, block_bytes, rate)
    models, blocks = len(most), len(block_bytes)
    users = len(queues) - 1
    stride, masks, served, left = work.stride, work.masks, work.served, work.left
    while cursor[LAYER] <= users:
        layer = cursor[LAYER]
        if cursor[STATE] == NOTHING:
            cursor[LAYER] += 1
            if layer < users:
                cursor[STATE] = queues[layer + 1]
            continue
        if pops == 0:
            return PAUSED
        state = cursor[STATE]
        time = times[state]
        if time == np.inf:
            cursor[STATE] = states[state, QUEUED]
            continue
        pops -= 1
        code, content = states[state, CODE], states[state, CONTENT]
        radio = 0.0
        for i in range(models):
            if overlapped:
                served[i] = code // stride[i] % (most[i] + 1)
                left[i] = most[i] - served[i]
                radio += upload_s[i, served[i]]
            else:
                left[i] = 0 if code // (users + 1) >> i & 1 else most[i]
        for j in range(blocks):
            work.resident[j] = (content >> j & 1) == 1 if keeps else content < models and holds[content, j]
        if layer < target and not within_reach(
            target - layer, horizon - time, horizon - radio - work.last_s, question, timing, work
        ):
            cursor[STATE] = states[state, QUEUED]
            continue
        for i in range(models):
            if left[i] == 0:
                continue
            useful = 0
            for k in range(models if keeps else 0):
                if (k != i and left[k] > 0) or (k == i and overlapped):
                    useful |= masks[k]
            candidates = content & ~masks[i] & useful if keeps else 0
            load = extra_s(content, masks[i] if keeps else i, loading)
            for size in range(left[i] if left[i] < batch[i] else batch[i], 0, -1):
                number = 1
                if kept is not None:
                    room = room_bytes[i] - workspace_bytes[i] * size
                    number = kept_sets(candidates, room, block_bytes, kept)
                    if number < 0:
                        return -1
                most_now = size if overlapped else left[i]
                if cursor[STATES] + number * most_now > len(states):
                    return FULL
                for at in range(number):
                    for n in range(size if overlapped else 1, most_now + 1):
                        if overlapped:
                            uploaded = radio - upload_s[i, served[i]] + upload_s[i, served[i] + n]
                            end = time + load if time + load > uploaded else uploaded
                            end = end + fixed_s[i] + sample_s[i] * n
                            new = code + n * stride[i]
                        else:
                            end = time + load + fixed_s[i] * -(-n // size) + sample_s[i] * n + upload_s[i, n]
                            new = code + n + (users + 1) * (1 << i)
                        if end > horizon:
                            break
                        after = i
                        if kept is not None:
                            after = masks[i] | kept.sets[at]
                            if overlapped and n == left[i]:
                                rest = 0
                                for k in range(models):
                                    if k != i and left[k] > 0:
                                        rest |= masks[k]
                                after &= rest
                            elif not overlapped:
                                after &= useful
                        made = State(new, after, end, state, i, n if overlapped else size, layer + n)
                        offer(made, store, loading)
                if kept is not None and not overlapped:
                    if kept.sets[0] == candidates:
                        break  # smaller batches would keep no more
                elif not overlapped:
                    break
        cursor[STATE] = states[state, QUEUED]
    return DONE

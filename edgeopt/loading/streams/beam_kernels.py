"""Compiled kernels of the beam search over batches of a stream.

A *label* is a plan so far: when its last batch ends, what is on the GPU, and for each model the first user, in the
order in which they are ready, that is neither served nor given up. Labels wait in buckets of time, apart by what the
GPU holds; of each bucket the best are extended.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = -1


class Requests(NamedTuple):
    """Users sorted by model and then by when they are ready.

    Attributes
    ----------
    first : numpy.ndarray of int64, shape (models + 1,)
    ready, due : numpy.ndarray, shape (users,)
        When the upload can be done, and the deadline.
    weight : numpy.ndarray, shape (users,) or (0,)
        What serving a user counts; none where each counts 1.
    lost : numpy.ndarray, shape (users + 1,)
        What giving up all users before one costs.
    """

    first: Integers
    ready: Floats
    due: Floats
    weight: Floats
    lost: Floats


class Gpu(NamedTuple):
    """What batches take, attributes as of `Workload`; `kind` groups models whose labels compete.

    The blocks of a model are ``block[first_block[model]:first_block[model + 1]]``, and the models that hold a block
    ``holder[first_holder[block]:first_holder[block + 1]]``. `ahead` says that blocks of the next
    batch may be loaded while one computes. `whole_load` are the seconds for which a model loads on an empty GPU.
    """

    kind: Integers
    fixed: Floats
    sample: Floats
    capacity: Integers
    room: Integers
    workspace: Integers
    holds: Flags
    first_block: Integers
    block: Integers
    first_holder: Integers
    holder: Integers
    block_bytes: Integers
    rate: float
    keeps: bool
    ahead: bool
    whole_load: Floats


class Labels(NamedTuple):
    """Labels by slots: a ring of buckets, kinds and places.

    Attributes
    ----------
    number : numpy.ndarray of int64, shape (ring, kinds)
    end, score, served : numpy.ndarray, shape (slots,)
        When the last batch ends; what serving counts less what all users cost that are served or given up; and the
        former alone.
    began : numpy.ndarray, shape (slots,)
        When the last batch began to compute.
    spare : numpy.ndarray of int64, shape (slots,)
        Bytes that could be loaded beside it.
    node, mark : numpy.ndarray of int64, shape (slots,)
        Its place in the history, and what tells labels apart.
    resident : numpy.ndarray of bool, shape (slots, blocks)
    next : numpy.ndarray of int32, shape (slots, models)
    """

    number: Integers
    end: Floats
    score: Floats
    served: Floats
    began: Floats
    spare: Integers
    node: Integers
    mark: Integers
    resident: Flags
    next: NDArray[np.int32]


class History(NamedTuple):
    """All labels that were ever kept: the one before, and the model and start of the last batch; ``size[0]`` count."""

    parent: Integers
    model: NDArray[np.int32]
    start: Floats
    size: Integers


@inner_kernel
def loaded_at(model: int, end: float, began: float, spare: int, resident: Flags, gpu: Gpu) -> float:
    """Return when a model is loaded after a batch: what has room beside that one while it runs, the rest after it."""
    missing, ahead = 0, 0
    for place in range(gpu.first_block[model], gpu.first_block[model + 1]):
        block = gpu.block[place]
        if not resident[block]:
            size = gpu.block_bytes[block]
            missing += size
            if gpu.ahead and ahead + size <= spare:
                ahead += size
    return max(end, began + ahead / gpu.rate) + (missing - ahead) / gpu.rate


@inner_kernel
def batch_at(model: int, start: float, first: int, requests: Requests, gpu: Gpu) -> tuple[int, int, float]:
    """Return the users of the largest batch at a start, the first user after them, and when it ends."""
    fixed, sample = gpu.fixed[model], gpu.sample[model]
    limit = gpu.capacity[model]
    size = 0
    last = first
    while last < requests.first[model + 1] and requests.ready[last] <= start:
        size += requests.due[last] >= start + fixed + sample
        last += 1
    size = min(size, limit)
    while size > 0:
        able, until = 0, start + fixed + sample * size
        for user in range(first, last):
            able += requests.due[user] >= until
        if able >= size:
            break
        size -= 1
    end = start + fixed + sample * size
    after, taken = first, 0
    while after < last and (taken < size or requests.due[after] < end):
        taken += requests.due[after] >= end
        after += 1
    return size, after, end


@inner_kernel
def worth_at(first: int, after: int, size: int, end: float, requests: Requests) -> float:
    """Return what a batch counts that ends at a time, of the users in time the first ones."""
    if len(requests.weight) == 0:
        return float(size)
    total, taken, user = 0.0, 0, first
    while user < after and taken < size:
        if requests.due[user] >= end:
            total += requests.weight[user]
            taken += 1
        user += 1
    return total


@inner_kernel
def room_beside(model: int, size: int, resident: Flags, gpu: Gpu) -> int:
    """Return the bytes that are free while a batch runs."""
    room = gpu.room[model] - gpu.workspace[model] * size
    for block in range(len(gpu.block_bytes)):
        if resident[block] and not gpu.holds[model, block]:
            room -= gpu.block_bytes[block]
    return room


@inner_kernel
def settle(
    model: int, size: int, resident: Flags, next_user: NDArray[np.int32], start: float, requests: Requests, gpu: Gpu
) -> None:
    """Put a model on the GPU; what does not fit beside it leaves: first that for which the fewest users wait."""
    blocks = len(gpu.block_bytes)
    if not gpu.keeps:
        for block in range(blocks):
            resident[block] = gpu.holds[model, block]
        return
    for block in range(blocks):
        resident[block] |= gpu.holds[model, block]
    room = room_beside(model, size, resident, gpu)
    while room < 0:
        worst, least = NONE, np.inf
        for block in range(blocks):
            if not resident[block] or gpu.holds[model, block]:
                continue
            waiting, enough = 0.0, least * gpu.block_bytes[block]
            for place in range(gpu.first_holder[block], gpu.first_holder[block + 1]):
                other = gpu.holder[place]
                user = next_user[other]
                while user < requests.first[other + 1] and requests.ready[user] <= start and waiting < enough:
                    waiting += requests.due[user] > start
                    user += 1
            if waiting < enough:
                worst, least = block, waiting / gpu.block_bytes[block]
        resident[worst] = False
        room += gpu.block_bytes[worst]


@inner_kernel
def given_up(label: int, labels: Labels, requests: Requests, gpu: Gpu) -> float:
    """Give up the users who are late even if their model comes next; return what they cost."""
    cost = 0.0
    for model in range(len(gpu.fixed)):
        user, high = labels.next[label, model], requests.first[model + 1]
        if user == high:
            continue
        least = labels.end[label] + gpu.fixed[model] + gpu.sample[model]
        if requests.due[user] >= least + gpu.whole_load[model]:
            continue
        loaded = loaded_at(
            model, labels.end[label], labels.began[label], labels.spare[label], labels.resident[label], gpu
        )
        least += loaded - labels.end[label]
        begin = user
        while user < high and requests.due[user] < least:
            user += 1
        if user > begin:
            cost += requests.lost[user] - requests.lost[begin]
            labels.next[label, model] = user
    return cost


@inner_kernel
def put(kind: int, bucket: int, width: int, end: float, score: float, mark: int, labels: Labels) -> int:
    """Return the slot for a new label in a bucket, -1 if it is not good enough."""
    base, count = (bucket * labels.number.shape[1] + kind) * width, labels.number[bucket, kind]
    worst = base
    for slot in range(base, base + count):
        if labels.mark[slot] == mark:
            better = score > labels.score[slot] or (score == labels.score[slot] and end < labels.end[slot])
            return slot if better else NONE
        if labels.score[slot] < labels.score[worst]:
            worst = slot
    if count < width:
        labels.number[bucket, kind] += 1
        return base + count
    return worst if score > labels.score[worst] else NONE


@inner_kernel
def extend(
    label: int,
    model: int,
    start: float,
    width: int,
    bucket_s: float,
    requests: Requests,
    gpu: Gpu,
    salt: Integers,
    labels: Labels,
    history: History,
) -> None:
    """Add a label with one more batch, if it is good enough."""
    size, after, end = batch_at(model, start, labels.next[label, model], requests, gpu)
    ring = len(labels.number)
    bucket = int(end / bucket_s)
    if size == 0 or bucket - int(labels.end[label] / bucket_s) >= ring or history.size[0] == len(history.parent):
        return
    bucket %= ring
    kind = gpu.kind[model]
    before = labels.next[label, model]
    worth = worth_at(before, after, size, end, requests)
    score = labels.score[label] + worth - (requests.lost[after] - requests.lost[before])
    mark = labels.mark[label] + salt[model] * (after - before)
    slot = put(kind, bucket, width, end, score, mark, labels)
    if slot == NONE:
        return
    labels.end[slot], labels.score[slot], labels.mark[slot] = end, score, mark
    labels.began[slot], labels.served[slot] = start, labels.served[label] + worth
    copy_into(labels.next[slot], labels.next[label])
    labels.next[slot, model] = after
    copy_into(labels.resident[slot], labels.resident[label])
    settle(model, size, labels.resident[slot], labels.next[slot], start, requests, gpu)
    labels.spare[slot] = room_beside(model, size, labels.resident[slot], gpu)
    node = history.size[0]
    history.size[0] += 1
    history.parent[node], history.model[node], history.start[node] = labels.node[label], model, start
    labels.node[slot] = node


@kernel(nogil=True)
def advance(
    bucket: int,
    until: int,
    width: int,
    bucket_s: float,
    children: int,
    patience_s: float,
    requests: Requests,
    gpu: Gpu,
    salt: Integers,
    labels: Labels,
    history: History,
    best: Floats,
    rates: Floats,
    starts: Floats,
) -> None:
    """Extend the labels of buckets `bucket` to ``until - 1``.

    Each label gets up to `children` batches, those that count most for each second; and where another user of the model
    comes within `patience_s`, also the batch that waits for it. `best` are the most that a label has served so far, and
    its node; `rates` and `starts` have room for each model.
    """
    models, kinds, ring = len(gpu.fixed), labels.number.shape[1], len(labels.number)
    for now in range(bucket, until):
        row = now % ring
        for kind in range(kinds):
            base = (row * kinds + kind) * width
            for label in range(base, base + labels.number[row, kind]):
                end = labels.end[label]
                labels.score[label] -= given_up(label, labels, requests, gpu)
                if labels.served[label] > best[0]:
                    best[0], best[1] = labels.served[label], labels.node[label]
                for model in range(models):
                    rates[model] = -1.0
                    first = labels.next[label, model]
                    if first == requests.first[model + 1]:
                        continue
                    start = loaded_at(model, end, labels.began[label], labels.spare[label], labels.resident[label], gpu)
                    start = max(start, requests.ready[first])
                    size, after, done = batch_at(model, start, first, requests, gpu)
                    starts[model] = start
                    if size > 0:
                        rates[model] = worth_at(first, after, size, done, requests) / (done - end + 1e-9)
                for _ in range(children):
                    chosen = 0
                    for model in range(1, models):
                        if rates[model] > rates[chosen]:
                            chosen = model
                    if rates[chosen] < 0.0:
                        break
                    rates[chosen] = -1.0
                    start = starts[chosen]
                    extend(label, chosen, start, width, bucket_s, requests, gpu, salt, labels, history)
                    user = labels.next[label, chosen]
                    while user < requests.first[chosen + 1] and requests.ready[user] <= start:
                        user += 1
                    if user < requests.first[chosen + 1] and requests.ready[user] <= start + patience_s:
                        start = requests.ready[user]
                        extend(label, chosen, start, width, bucket_s, requests, gpu, salt, labels, history)
            labels.number[row, kind] = 0

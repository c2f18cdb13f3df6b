"""Compiled kernel of the rolling policy: a beam search over sequences of batches of what waits now."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import copy_into, inner_kernel, kernel
from edgeopt.loading.policies.desk import FREE, Desk, Flags, Floats, Integers, Requests
from edgeopt.loading.policies.desk_kernels import count_demand, largest_batch
from edgeopt.loading.policies.outlook_kernels import SHORTEST_S, Outlook, gather, serve_next


class Labels(NamedTuple):
    """Sequences of batches of one length.

    Attributes
    ----------
    waiting : shape (width, requests)
        Who still waits.
    left : shape (width, models)
        No fewer than wait for each model.
    resident : shape (width, blocks)
        Blocks on the GPU.
    start_s, end_s : shape (width,)
        When the last batch starts and ends.
    served : shape (width,)
        Users of the whole sequence.
    rate : shape (width,)
        Users for each second since the GPU fell free.
    first, last, parent : shape (width,)
        First and last model, and the sequence without the last batch.
    number : shape (1,)
        Number of sequences.
    worst : shape (1,)
        Place of the least rate, once there are as many as may go on.
    """

    waiting: NDArray[np.bool_]
    left: Integers
    resident: NDArray[np.bool_]
    start_s: Floats
    end_s: Floats
    served: Integers
    rate: Floats
    first: Integers
    last: Integers
    parent: Integers
    number: Integers
    worst: Integers


def new_labels(width: int, requests: int, models: int, blocks: int) -> Labels:
    """Make room for sequences."""
    return Labels(
        np.zeros((width, requests), np.bool_),
        np.zeros((width, models), np.int64),
        np.zeros((width, blocks), np.bool_),
        np.zeros(width),
        np.zeros(width),
        np.zeros(width, np.int64),
        np.zeros(width),
        np.zeros(width, np.int64),
        np.zeros(width, np.int64),
        np.zeros(width, np.int64),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
    )


@kernel
def best_beginning(
    requests: Requests, desk: Desk, outlook: Outlook, batches: int, labels: Labels, longer: Labels
) -> int:
    """Return the first model of the best sequence found, -1 if nobody can be served.

    The best serves most users for each second. After each batch the best sequences for which `labels` and `longer` have
    room go on, each with every model, until they have so many batches or nobody who waits can be served.
    """
    gather(requests, desk, outlook, batches)
    count_demand(requests, desk, outlook.demand)
    models = len(desk.waits)
    for request in range(outlook.first[models]):
        labels.waiting[0, request] = True
    for model in range(models):
        labels.left[0, model] = outlook.first[model + 1] - outlook.first[model]
    labels.first[0], labels.last[0], labels.served[0], labels.rate[0] = -1, -1, 0, 0.0
    copy_into(labels.resident[0], desk.resident)
    labels.end_s[0] = desk.times[FREE]
    labels.number[0] = 1
    best_rate, best = -1.0, -1
    for length in range(batches):
        longer.number[0] = 0
        for label in range(labels.number[0]):
            if not extend(requests, desk, outlook, labels, label, longer) and labels.rate[label] > best_rate:
                best_rate, best = labels.rate[label], labels.first[label]
        for label in range(longer.number[0]):
            settle(requests, outlook, labels, longer, label)
            if length == 0:
                longer.first[label] = longer.last[label]
        labels, longer = longer, labels
    for label in range(labels.number[0]):
        if labels.rate[label] > best_rate:
            best_rate, best = labels.rate[label], labels.first[label]
    return best


@inner_kernel
def extend(requests: Requests, desk: Desk, outlook: Outlook, labels: Labels, label: int, longer: Labels) -> bool:
    """Offer a sequence with each model behind it; say whether one may serve somebody."""
    found, began, waiting = False, desk.times[FREE], outlook.first[len(desk.waits)]
    for model in range(len(desk.waits)):
        left, most = labels.left[label, model], requests.capacity[model]
        left = most if most < left else left
        if left == 0:
            continue
        start = desk.start_s[model]
        if labels.last[label] >= 0:
            missing = 0
            for place in range(requests.first_block[model], requests.first_block[model + 1]):
                if not labels.resident[label, requests.block[place]]:
                    missing += requests.block_bytes[requests.block[place]]
            start = labels.end_s[label] + missing / requests.rate
        soonest = start + (requests.fixed_s[model] + requests.sample_s[model]) - began
        if longer.number[0] == len(longer.rate):
            rate = (labels.served[label] + left) / (soonest if soonest > SHORTEST_S else SHORTEST_S)
            if rate <= longer.rate[longer.worst[0]]:
                found = True
                continue
        low, high = outlook.first[model], outlook.first[model + 1]
        size = largest_batch(requests, model, start, outlook.due_s, labels.waiting[label], low, high)[0]
        if size > 0:
            found = True
            end = start + (requests.fixed_s[model] + requests.sample_s[model] * size)
            served = labels.served[label] + size
            seconds = end - began
            rate = served / (seconds if seconds > SHORTEST_S else SHORTEST_S)
            offer(requests, labels, longer, label, model, start, served, rate, waiting)
    return found


@inner_kernel
def offer(
    requests: Requests,
    labels: Labels,
    longer: Labels,
    parent: int,
    model: int,
    start_s: float,
    served: int,
    rate: float,
    waiting: int,
) -> None:
    """Take a sequence if it is among the best; of those that lead to the same state only the first.

    `waiting` requests were gathered.
    """
    width, place = len(longer.rate), longer.number[0]
    if place == width:
        place = longer.worst[0]
        if rate <= longer.rate[place]:
            return
    for other in range(longer.number[0]):
        alike = longer.served[other] == served and longer.start_s[other] == start_s and longer.last[other] == model
        if alike and same_state(labels, parent, longer.parent[other], requests.keeps, waiting):
            return
    if place == longer.number[0]:
        longer.number[0] = place + 1
    longer.parent[place], longer.last[place] = parent, model
    longer.start_s[place], longer.served[place], longer.rate[place] = start_s, served, rate
    if longer.number[0] == width:
        longer.worst[0] = 0
        for other in range(1, width):
            if longer.rate[other] < longer.rate[longer.worst[0]]:
                longer.worst[0] = other


@inner_kernel
def same_state(labels: Labels, one: int, other: int, keeps: bool, waiting: int) -> bool:
    """Whether the same requests wait after two sequences and, if blocks are kept, the same blocks are on the GPU."""
    for request in range(waiting):
        if labels.waiting[one, request] != labels.waiting[other, request]:
            return False
    if keeps:
        for block in range(labels.resident.shape[1]):
            if labels.resident[one, block] != labels.resident[other, block]:
                return False
    return True


@inner_kernel
def settle(requests: Requests, outlook: Outlook, labels: Labels, longer: Labels, label: int) -> None:
    """Run the last batch of a sequence."""
    parent, model, start = longer.parent[label], longer.last[label], longer.start_s[label]
    low, high = outlook.first[model], outlook.first[model + 1]
    longer.first[label] = labels.first[parent]
    for request in range(outlook.first[len(outlook.first) - 1]):
        longer.waiting[label, request] = labels.waiting[parent, request]
    copy_into(longer.left[label], labels.left[parent])
    copy_into(longer.resident[label], labels.resident[parent])
    size = serve_next(requests, model, start, outlook.due_s, longer.waiting[label], low, high)
    longer.left[label, model] -= size
    longer.end_s[label] = start + (requests.fixed_s[model] + requests.sample_s[model] * size)
    load(requests, model, size, outlook.demand, outlook.stays, longer.resident[label])


@inner_kernel
def load(requests: Requests, model: int, users: int, demand: Integers, stays: Flags, resident: Flags) -> None:
    """Put a model's blocks on the GPU; those of least demand make room for it and a batch."""
    size = 0
    for block in range(len(stays)):
        stays[block] = False
    for place in range(requests.first_block[model], requests.first_block[model + 1]):
        block = requests.block[place]
        stays[block] = True
        size += requests.block_bytes[block]
        resident[block] = True
    for block in range(len(resident)):
        if resident[block] and not stays[block]:
            if requests.keeps:
                size += requests.block_bytes[block]
            else:
                resident[block] = False
    most = requests.memory_bytes - requests.workspace_bytes[model] * users
    while requests.keeps and size > most:
        least = -1
        for block in range(len(resident)):
            if resident[block] and not stays[block] and (least < 0 or demand[block] < demand[least]):
                least = block
        if least < 0:
            break
        resident[least] = False
        size -= requests.block_bytes[least]

"""Compiled kernels of policies that look several batches ahead, over what waits now."""

from __future__ import annotations

from typing import NamedTuple

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.policies.desk import FREE, Desk, Flags, Floats, Integers, Requests
from edgeopt.loading.policies.desk_kernels import largest_batch

SHORTEST_S = 1e-30  # so that what takes no time has a rate, too


class Outlook(NamedTuple):
    """Who waits, gathered by model, and room to work in.

    Attributes
    ----------
    due_s, waiting : shape (requests,)
        Deadlines of who waits, and whether they still do in what is being tried.
    first : shape (models + 1,)
        Those who wait for model i are numbered from ``first[i]`` on below ``first[i + 1]``.
    demand : shape (blocks,)
        Waiting requests whose models hold each block.
    stays : shape (blocks,)
        Whether a model that is being loaded holds each block.
    """

    due_s: Floats
    waiting: Flags
    first: Integers
    demand: Integers
    stays: Flags


@inner_kernel
def gather(requests: Requests, desk: Desk, outlook: Outlook, batches: int) -> None:
    """Gather who waits, for each model at most as many as so many full batches hold, the earliest due first."""
    number = 0
    for model in range(len(desk.waits)):
        outlook.first[model] = number
        most = batches * requests.capacity[model]
        for user in range(desk.low[model], desk.high[model]):
            if desk.batch[model] == 0 or number - outlook.first[model] == most:
                break
            if desk.waiting[user]:
                outlook.due_s[number] = requests.due_s[user]
                number += 1
    outlook.first[len(desk.waits)] = number


@inner_kernel
def serve_next(
    requests: Requests, model: int, start_s: float, due_s: Floats, waiting: Flags, low: int, high: int
) -> int:
    """Serve the largest batch in time that starts then; return its number of users."""
    size, user, _, _ = largest_batch(requests, model, start_s, due_s, waiting, low, high)
    taken = 0
    while taken < size:
        if waiting[user]:
            waiting[user] = False
            taken += 1
        user += 1
    return size


@kernel
def visit_rates(requests: Requests, desk: Desk, outlook: Outlook, batches: int, rates: Floats) -> None:
    """Set for each model the most users for each second, over one, two, ... batches of a visit."""
    gather(requests, desk, outlook, batches)
    for model in range(len(rates)):
        rates[model] = 0.0
        low, high = outlook.first[model], outlook.first[model + 1]
        outlook.waiting[low:high] = True
        end, served = desk.start_s[model], 0
        for _ in range(batches):
            size = serve_next(requests, model, end, outlook.due_s, outlook.waiting, low, high)
            if size == 0:
                break
            served += size
            end += requests.fixed_s[model] + requests.sample_s[model] * size
            seconds = end - desk.times[FREE]
            rate = served / (seconds if seconds > SHORTEST_S else SHORTEST_S)
            rates[model] = rate if rate > rates[model] else rates[model]

"""What a plan says of the radio, in closed form: bandwidths, or uploads one after another."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from math import fsum, inf
from typing import Any

from edgeopt.loading.instance import LoadingInstance


def bandwidths(instance: LoadingInstance, users: Sequence[str]) -> dict[str, float]:
    """Return the bandwidths in Hz by which these users finish uploading earliest: b_k proportional to d_k / e_k."""
    facts = [instance.users[user] for user in users]
    load = [user.upload_bits / user.spectral_efficiency for user in facts]
    total = fsum(load)
    return {user: instance.bandwidth_hz * share / total for user, share in zip(users, load, strict=True) if share > 0}


def radio(instance: LoadingInstance, users: Sequence[str]) -> dict[str, Any]:
    """Return a plan's bandwidths, or its uploads: the first in this order that is there has the whole band.

    So the uploads of the first n users, for every n, are done as early as those users alone could be done: an upload
    that another one interrupts has several intervals.
    """
    if instance.upload == "phase":
        return {"bandwidth_hz": bandwidths(instance, users)}
    uploads: dict[str, Any] = {}
    for user, intervals in _by_rank(instance, users).items():
        timed = [[start, end, instance.bandwidth_hz] for start, end in intervals]
        uploads[user] = timed[0] if len(timed) == 1 else timed
    return {"uploads": uploads}


def _by_rank(instance: LoadingInstance, users: Sequence[str]) -> dict[str, list[list[float]]]:
    """Return when each of these users uploads, in seconds, if the first that is there always has the band."""
    left_s = {user: instance.upload_s(user) for user in users if instance.users[user].upload_bits > 0}
    coming = sorted((instance.users[user].arrival_s, rank) for rank, user in enumerate(users) if user in left_s)
    intervals: dict[str, list[list[float]]] = {user: [] for user in left_s}
    waiting: list[int] = []
    clock, next_one = 0.0, 0
    while waiting or next_one < len(coming):
        if not waiting:
            clock = max(clock, coming[next_one][0])
        while next_one < len(coming) and coming[next_one][0] <= clock:
            heappush(waiting, coming[next_one][1])
            next_one += 1
        user = users[waiting[0]]
        interruption = coming[next_one][0] if next_one < len(coming) else inf
        end = min(clock + left_s[user], interruption)
        if intervals[user] and intervals[user][-1][1] == clock:
            intervals[user][-1][1] = end
        else:
            intervals[user].append([clock, end])
        if clock + left_s[user] <= interruption:
            heappop(waiting)
        else:
            left_s[user] -= end - clock
        clock = end
    return intervals

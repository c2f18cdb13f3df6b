"""The radio of a stream as it runs online: the earliest deadline has the whole band, and may interrupt others."""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf

import numpy as np

from edgeopt.loading.queues import Floats, Queues

Interval = tuple[float, float]


def upload_online(queues: Queues) -> tuple[Floats, dict[int, list[Interval]]]:
    """Run the radio, which knows at each moment only who has arrived.

    Of those who have arrived and can still be served in time, the one with the earliest deadline uploads with the whole
    band; who can no longer be in time is given up. It depends on no decision of the GPU.

    Returns
    -------
    ready_s : numpy.ndarray, shape (users,)
        When each upload is done; infinite where it was given up.
    intervals : dict of int to list of (float, float)
        From when to when each user uploads, of those with bits to upload.
    """
    ready_s = queues.arrival_s.copy()
    sending = np.flatnonzero(queues.upload_s > 0)
    compute_s = (queues.fixed_s + queues.per_sample_s)[queues.model]
    arrival, due = queues.arrival_s.tolist(), queues.due_s.tolist()
    latest = (queues.due_s - compute_s).tolist()
    left = queues.upload_s.tolist()
    intervals: dict[int, list[Interval]] = {user: [] for user in sending.tolist()}
    coming = sorted(intervals, key=lambda user: (arrival[user], user))
    waiting: list[tuple[float, int]] = []
    clock, following = 0.0, 0
    while waiting or following < len(coming):
        if not waiting:
            clock = max(clock, arrival[coming[following]])
        while following < len(coming) and arrival[coming[following]] <= clock:
            heappush(waiting, (due[coming[following]], coming[following]))
            following += 1
        user = waiting[0][1]
        end = clock + left[user]
        if end > latest[user]:
            heappop(waiting)
            ready_s[user] = inf
            continue
        interruption = arrival[coming[following]] if following < len(coming) else inf
        stop = min(end, interruption)
        if intervals[user] and intervals[user][-1][1] == clock:
            intervals[user][-1] = (intervals[user][-1][0], stop)
        else:
            intervals[user].append((clock, stop))
        if end <= interruption:
            heappop(waiting)
            ready_s[user] = end
        else:
            left[user] -= stop - clock
        clock = stop
    return ready_s, intervals

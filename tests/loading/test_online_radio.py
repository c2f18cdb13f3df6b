"""The radio of a replay against one that decides at every tick."""

from __future__ import annotations

from math import inf

import pytest

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.online_radio import upload_online
from edgeopt.loading.workload import compile_workload
from tests.loading.policies.streams import random_stream

TICKS = 40  # a second: all times of the drawn streams are whole numbers of ticks
CLOSE = 1e-6


def slow_uploads(stream: LoadingInstance, users: list[str]) -> dict[str, float]:
    """Return when each user's upload is done, infinite where it is given up: the earliest deadline at each tick."""

    def ticks(seconds: float) -> float:
        assert abs(seconds * TICKS - round(seconds * TICKS)) < CLOSE
        return round(seconds * TICKS)

    left = {user: ticks(stream.upload_s(user)) for user in users}
    arrival = {user: ticks(stream.users[user].arrival_s) for user in users}
    compute = {
        user: TICKS * (model.compute_fixed_s + model.compute_per_sample_s)
        for user in users
        for model in [stream.library.models[stream.users[user].model]]
    }
    due = {user: TICKS * stream.users[user].deadline_s for user in users}
    done = {user: arrival[user] if left[user] == 0 else inf for user in users}
    gone: set[str] = set()
    now = 0
    while len(gone) + sum(done[user] < inf for user in users) < len(users):
        there = [user for user in users if arrival[user] <= now and left[user] and user not in gone]
        for user in sorted(there, key=lambda user: (due[user], users.index(user))):
            if now + left[user] + compute[user] > due[user] + CLOSE:
                gone.add(user)
                continue
            left[user] -= 1
            if left[user] == 0:
                done[user] = now + 1
            break
        now += 1
    return {user: ticks / TICKS for user, ticks in done.items()}


@pytest.mark.slow
def test_uploads_are_those_of_a_radio_that_decides_at_every_tick() -> None:
    interrupted = given_up = 0
    for seed in range(1, 400, 2):
        stream = random_stream(seed, silent=False, users=12)
        queues = compile_workload(stream).queues
        ready_s, intervals = upload_online(queues)
        slow = slow_uploads(stream, queues.user_names)
        assert ready_s.tolist() == pytest.approx([slow[user] for user in queues.user_names], abs=1e-9)
        for user, parts in intervals.items():
            sent = sum(end - start for start, end in parts)
            if ready_s[user] < inf:
                assert sent == pytest.approx(queues.upload_s[user])
                assert parts[0][0] >= queues.arrival_s[user]
                assert parts[-1][1] == ready_s[user]
        interrupted += sum(len(parts) > 1 for parts in intervals.values())
        given_up += sum(ready_s[user] == inf for user in intervals)
    assert interrupted > 50
    assert given_up > 5

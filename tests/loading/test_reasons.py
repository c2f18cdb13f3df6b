"""Why users are not served: claims on all plans are tried by enumeration, claims on one plan by the checker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.bandwidths import radio
from edgeopt.loading.checker import check
from edgeopt.loading.figures import plan_frame
from edgeopt.loading.insertion import Insertion, with_user
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.reasons import LATE, LEFT_OUT, ROOM, UNFIT, unserved
from tests.loading.brute_force import can_serve
from tests.loading.modes import in_mode
from tests.loading.random_instances import random_instance
from tests.plans import two_models

UPLOADS = ("phase", "overlapped")


def kind(reason: str) -> str:
    return reason.partition(":")[0]


def packed(instance: LoadingInstance, rng: np.random.Generator) -> dict[str, Any]:
    """Return a feasible plan: users in a random order join the last batch, begin one, or are left."""
    batches: list[dict[str, Any]] = []

    def plan(tried: list[dict[str, Any]]) -> dict[str, Any]:
        return {"batches": tried, **radio(instance, [user for batch in tried for user in batch["users"]])}

    for user in rng.permutation(list(instance.users)).tolist():
        model, stated = instance.users[user].model, float(rng.integers(0, 3)) if rng.random() < 0.3 else 0.0
        options = [[*batches, {"model": model, "users": [user], "start_s": stated}]]
        if batches and batches[-1]["model"] == model:
            options.insert(0, [*batches[:-1], {**batches[-1], "users": [*batches[-1]["users"], user]}])
        batches = next((tried for tried in options if check(instance, plan(tried)).feasible), batches)
    return plan(batches)


def as_stream(instance: LoadingInstance, rng: np.random.Generator) -> LoadingInstance:
    """Return the instance with arrivals; some users upload nothing."""
    data = in_mode(instance, "overlapped", "consecutive").to_dict()
    for user in data["users"].values():
        user["arrival_s"] = float(rng.choice([0.0, 0.5, 1.0, 2.5]))
        user["deadline_s"] += user["arrival_s"] + 0.5
        user["upload_bits"] *= float(rng.choice([0.0, 1.0]))
    return LoadingInstance.from_dict(data)


def require_true_prices(instance: LoadingInstance, plan: dict[str, Any]) -> int:
    """Carry out every insertion that a reason speaks of; return how many there were."""
    objective, insertion, count = check(instance, plan).objective, Insertion(instance, plan), 0
    for user, reason in unserved(instance, plan).items():
        if kind(reason) in (UNFIT, LATE):
            continue
        place = insertion.cheapest(user)
        if place is None:
            assert "late itself" in reason
            continue
        changed = with_user(instance, plan, user, place)
        report = check(instance, changed)
        assert report.feasible, (report.violations, place)
        assert report.objective == objective + 1 - len(place.gone)
        assert user in {name for batch in changed["batches"] for name in batch["users"]}
        assert (kind(reason) == ROOM) == (not place.gone)
        assert place.gone or "can be improved" in reason
        count += 1
    return count


@pytest.mark.parametrize("upload", UPLOADS)
def test_whoever_is_hopeless_cannot_be_served_alone_and_nobody_else_is(upload):
    seen = dict.fromkeys((UNFIT, LATE, "other"), 0)
    for seed in range(80):
        instance = in_mode(random_instance(seed, models=3, users=5, one_deadline=seed % 2 == 0), upload, "consecutive")
        nobody = {"batches": [], **radio(instance, [])}
        for user, reason in unserved(instance, nobody).items():
            hopeless = kind(reason) in (UNFIT, LATE)
            assert hopeless != can_serve(instance, frozenset([user])), (seed, user, reason)
            assert hopeless or kind(reason) == ROOM  # of an empty plan
            seen[kind(reason) if hopeless else "other"] += 1
    assert min(seen.values()) > 10


@pytest.mark.parametrize("upload", UPLOADS)
def test_an_optimal_plan_has_no_room_and_its_prices_are_paid(upload):
    count = 0
    for seed in range(16):
        instance = in_mode(random_instance(seed, models=3, users=6, one_deadline=seed % 2 == 0), upload, "consecutive")
        solution = edgeopt.solve(instance, threads=1)
        assert solution.status == "optimal"
        assert ROOM not in {kind(reason) for reason in unserved(instance, solution.plan).values()}
        count += require_true_prices(instance, solution.plan)
    assert count > 3


@pytest.mark.parametrize("upload", [*UPLOADS, "stream"])
def test_prices_of_any_plan_are_true(upload):
    count = 0
    for seed in range(120):
        rng = np.random.default_rng([seed, 18])
        instance = random_instance(seed, models=4, users=9, one_deadline=seed % 2 == 0)
        instance = as_stream(instance, rng) if upload == "stream" else in_mode(instance, upload, "consecutive")
        count += require_true_prices(instance, packed(instance, rng))
    assert count > 100


def test_late_even_alone_counts_the_arrival():
    data = in_mode(two_models(), "overlapped", "consecutive").to_dict()
    soon = LoadingInstance.from_dict(data)
    done = float(unserved_end(soon, "ann"))
    data["users"]["ann"].update(arrival_s=5.0, deadline_s=5.0 + done / 4)
    late = LoadingInstance.from_dict(data)
    assert kind(unserved(late, {"batches": [], "uploads": {}})["ann"]) == LATE
    assert "after its arrival at 5 s" in unserved(late, {"batches": [], "uploads": {}})["ann"]


def unserved_end(instance: LoadingInstance, user: str) -> float:
    """Return when a user is served alone, by the checker."""
    plan = {"batches": [{"model": instance.users[user].model, "users": [user]}], **radio(instance, [user])}
    return check(instance, plan).metrics["end_s"]


def test_where_blocks_stay_by_choice_no_price_is_named():
    instance = in_mode(two_models(), "phase", "capacity")
    reasons = unserved(instance, {"batches": [], "bandwidth_hz": {}})
    assert {kind(reason) for reason in reasons.values()} <= {LEFT_OUT, UNFIT, LATE}
    assert len(reasons) == len(instance.users)


def test_the_frame_holds_everyone_once():
    instance = random_instance(3, models=3, users=8)
    solution = edgeopt.solve(instance, "greedy", threads=1)
    frame = plan_frame(instance, solution.plan)
    assert sorted(frame["user"]) == sorted(instance.users)
    assert frame["served"].sum() == solution.objective
    assert (frame["reason"] == "").equals(frame["served"])

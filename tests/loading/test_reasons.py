"""Why users are not served: claims on all plans are tried by enumeration, claims on one plan by the checker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.bandwidths import radio
from edgeopt.loading.checker import check
from edgeopt.loading.figures import plan_frame
from edgeopt.loading.insertion import Insertion, Place, timed_anew
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.reasons import LATE, LEFT_OUT, ROOM, UNFIT, WORTH, unserved
from edgeopt.loading.replayed_insertion import ReplayedInsertion
from tests.amounts import some_or_many
from tests.loading.brute_force import can_serve
from tests.loading.modes import in_mode
from tests.loading.random_instances import random_instance
from tests.loading.streams.by_hand import stream_of
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
    assert check(instance, plan).feasible
    timed = timed_anew(instance)
    insertion: Any = Insertion(instance, plan) if timed else ReplayedInsertion(instance, plan)
    objective, count = check(instance, plan).objective, 0
    for user, reason in unserved(instance, plan).items():
        if kind(reason) in (UNFIT, LATE):
            continue
        place = insertion.cheapest(user)
        if place is None:
            assert timed
            assert "late itself" in reason
            continue
        changed = insertion.with_user(user, place)
        report = check(instance, changed)
        assert report.feasible, (report.violations, place)
        assert report.objective == objective + 1 - len(place.gone)
        assert user in {name for batch in changed["batches"] for name in batch["users"]}
        assert (kind(reason) == ROOM) == (not place.gone)
        assert place.gone or "can be improved" in reason
        count += 1
    return count


@some_or_many(40, 80)
@pytest.mark.parametrize("upload", UPLOADS)
def test_whoever_is_hopeless_cannot_be_served_alone_and_nobody_else_is(upload, numbers):
    seen = dict.fromkeys((UNFIT, LATE, "other"), 0)
    for seed in numbers:
        instance = in_mode(random_instance(seed, models=3, users=5, one_deadline=seed % 2 == 0), upload, "consecutive")
        nobody = {"batches": [], **radio(instance, [])}
        for user, reason in unserved(instance, nobody).items():
            hopeless = kind(reason) in (UNFIT, LATE)
            assert hopeless != can_serve(instance, frozenset([user])), (seed, user, reason)
            assert hopeless or kind(reason) == ROOM  # of an empty plan
            seen[kind(reason) if hopeless else "other"] += 1
    assert min(seen.values()) > len(numbers) / 8


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


@some_or_many(40, 120)
@pytest.mark.parametrize("upload", [*UPLOADS, "stream"])
def test_prices_of_any_plan_are_true(upload, numbers):
    count = 0
    for seed in numbers:
        rng = np.random.default_rng([seed, 18])
        instance = random_instance(seed, models=4, users=9, one_deadline=seed % 2 == 0)
        instance = as_stream(instance, rng) if upload == "stream" else in_mode(instance, upload, "consecutive")
        count += require_true_prices(instance, packed(instance, rng))
    assert count > len(numbers) / 2


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


CHOSEN = [("phase", "capacity", "none"), ("overlapped", "capacity", "none")]
CHOSEN += [
    ("stream", retention, prefetch) for retention in ("consecutive", "capacity") for prefetch in ("idle", "next")
]


def by_choice(seed: int, upload: str, retention: str, prefetch: str) -> LoadingInstance:
    """Draw an instance in which blocks stay or are loaded ahead by choice, with little memory."""
    rng = np.random.default_rng([seed, 19])
    instance = random_instance(seed, models=4, users=8, one_deadline=seed % 2 == 0)
    instance = as_stream(instance, rng) if upload == "stream" else in_mode(instance, upload, retention)
    return instance.replace(retention=retention, prefetch=prefetch)


@pytest.mark.parametrize(("upload", "retention", "prefetch"), CHOSEN)
def test_prices_are_true_where_blocks_stay_or_are_loaded_ahead_by_choice(upload, retention, prefetch):
    count = 0
    for seed in range(60):
        instance = by_choice(seed, upload, retention, prefetch)
        if seed % 3:
            plan = packed(instance, np.random.default_rng([seed, 20]))
        else:  # with evictions
            plan = edgeopt.solve(instance, "greedy", threads=1).plan
        count += require_true_prices(instance, plan)
    assert count > 30


def in_company(instance: LoadingInstance, user: str) -> Iterator[dict[str, Any]]:
    """Yield plans in which another user, or nobody, has a batch before a user's, which may be loaded beside it."""
    library, model = instance.library, instance.users[user].model
    for other in instance.users:
        first: dict[str, Any] = {"model": instance.users[other].model, "users": [other] if other != user else []}
        missing = [b for b in library.models[model].blocks if b not in library.models[first["model"]].blocks]
        for keys in ({}, {"prefetch": missing}) if instance.prefetch == "next" else ({},):
            names = [*first["users"], user]
            yield {"batches": [{**first, **keys}, {"model": model, "users": [user]}], **radio(instance, names)}


@pytest.mark.parametrize(("upload", "retention", "prefetch"), CHOSEN)
def test_hopeless_means_in_no_plan_where_blocks_are_chosen(upload, retention, prefetch):
    """Whoever is not hopeless has a place in the empty plan, which the checker confirms; the others are late alone."""
    seen = {True: 0, False: 0}
    for seed in range(40):
        instance = by_choice(seed, upload, retention, prefetch)
        nobody = {"batches": [], **radio(instance, [])}
        for user, reason in unserved(instance, nobody).items():
            alone = {"batches": [{"model": instance.users[user].model, "users": [user]}], **radio(instance, [user])}
            assert check(instance, alone).feasible == (kind(reason) == ROOM)
            seen[kind(reason) == ROOM] += 1
            if kind(reason) != ROOM:
                assert not any(check(instance, plan).feasible for plan in in_company(instance, user))
    assert min(seen.values()) > 10


@pytest.mark.parametrize(("upload", "retention", "prefetch"), CHOSEN)
def test_an_optimal_plan_has_no_room_where_blocks_are_chosen(upload, retention, prefetch):
    optimal = 0
    for seed in range(8):
        instance = by_choice(seed, upload, retention, prefetch)
        solution = edgeopt.solve(instance, "exact", threads=1, iteration_limit=200)
        optimal += solution.status == "optimal"
        kinds = {kind(reason) for reason in unserved(instance, solution.plan).values()}
        assert LEFT_OUT not in kinds
        assert ROOM not in kinds or solution.status != "optimal"
    assert optimal > 3


@pytest.mark.parametrize(("most", "named"), [(1, LEFT_OUT), (10**6, WORTH)])
def test_no_longer_than_a_reader_waits(monkeypatch, most, named):
    monkeypatch.setattr("edgeopt.loading.reasons.ReplayedInsertion", partial(ReplayedInsertion, most=most))
    kinds = set()
    for seed in range(10):
        instance = by_choice(seed, "overlapped", "capacity", "none")
        plan = packed(instance, np.random.default_rng(seed))
        reasons = unserved(instance, plan)
        kinds |= {kind(reason) for reason in reasons.values()}
        assert set(reasons) == set(instance.users) - {user for batch in plan["batches"] for user in batch["users"]}
    assert named in kinds
    assert (LEFT_OUT in kinds) == (most == 1)


def test_what_is_loaded_ahead_is_kept_by_a_batch_that_comes_between():
    """Of two batches the second is loaded beside the first; a third model's user between them costs nothing."""
    blocks, sizes = {"a": ["a"], "b": ["b"], "c": ["c"]}, {"a": 4, "b": 4, "c": 1}
    users = {name: {"model": name, "deadline_s": 100.0} for name in blocks}
    instance = stream_of(blocks, users, sizes=sizes, memory_bytes=9, prefetch="next", retention="capacity")
    batches = [{"model": "a", "users": ["a"], "prefetch": ["b"]}, {"model": "b", "users": ["b"], "evict": ["a"]}]
    plan = {"batches": batches, "uploads": {}}
    insertion = ReplayedInsertion(instance, plan)
    between = insertion.with_user("c", Place(1, False, []))
    assert check(instance, between).feasible
    assert between["batches"][1].get("prefetch") == ["b"]
    assert unserved(instance, plan)["c"].startswith("there is room: served by a batch of its own after the last batch")
    tight = instance.replace(**{"users.b.deadline_s": check(instance, plan).metrics["end_s"]})
    assert check(tight, plan).feasible
    assert "after the last batch" in unserved(tight, plan)["c"]


def test_where_no_place_is_free_the_price_is_a_plan():
    """The GPU holds one model at a time, and there is time for one: whoever is served takes the other's place."""
    users = {name: {"model": name, "deadline_s": 9.5} for name in ("a", "b")}
    instance = stream_of({"a": ["a"], "b": ["b"]}, users, sizes={"a": 8, "b": 8}, memory_bytes=9, retention="capacity")
    plan = {"batches": [{"model": "a", "users": ["a"]}], "uploads": {}}
    assert check(instance, plan).feasible
    reason = unserved(instance, plan)["b"]
    assert kind(reason) == WORTH
    assert "1 other would have to go ('a')" in reason


def test_the_frame_holds_everyone_once():
    instance = random_instance(3, models=3, users=8)
    solution = edgeopt.solve(instance, "greedy", threads=1)
    frame = plan_frame(instance, solution.plan)
    assert sorted(frame["user"]) == sorted(instance.users)
    assert frame["served"].sum() == solution.objective
    assert (frame["reason"] == "").equals(frame["served"])

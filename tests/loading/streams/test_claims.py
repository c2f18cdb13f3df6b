"""What docs/streams-proofs.md says is free, and what is not; the enumerations assume none of it but C(S)."""

import pytest

import edgeopt
from edgeopt.loading.checker import check
from tests.amounts import some_or_many
from tests.loading.streams.brute_force import stream_optimum
from tests.loading.streams.by_hand import stream_of
from tests.loading.streams.not_free import NOT_FREE, best_plan
from tests.loading.streams.random_streams import whole_stream
from tests.loading.streams.ticks import ticked_optimum


@pytest.mark.parametrize("name", NOT_FREE)
def test_a_rule_of_thumb_serves_fewer(name):
    instance, rule = NOT_FREE[name]
    best, under_the_rule = best_plan(instance), best_plan(instance, rule)
    assert check(instance, best).feasible
    assert check(instance, best).objective == stream_optimum(instance) == ticked_optimum(instance)
    assert check(instance, under_the_rule).objective == check(instance, best).objective - 1
    assert edgeopt.solve(instance, "exact").objective == stream_optimum(instance)


@some_or_many(12, 40)
def test_sequences_are_those_of_the_enumeration(numbers):
    for seed in numbers:
        instance = whole_stream(seed, "consecutive", "none", radio=bool(seed % 2))
        assert check(instance, best_plan(instance)).objective == stream_optimum(instance)


# a and b take 3 s to load and 1 s to compute; both users come at 6 s, and memory holds both models.
PAIR = {
    "models": {"a": ["a"], "b": ["b"]},
    "sizes": {"a": 3, "b": 3},
    "model_keys": {
        name: {"compute_fixed_s": 1.0, "compute_per_sample_s": 0.0, "workspace_bytes_per_sample": 0} for name in "ab"
    },
    "memory_bytes": 6,
}


@pytest.mark.parametrize(
    ("retention", "prefetch", "served"),
    [("consecutive", "none", 1), ("consecutive", "idle", 1), ("capacity", "none", 1), ("capacity", "idle", 2)],
)
def test_loading_ahead_in_idle_time_pays_where_blocks_are_kept(retention, prefetch, served):
    users = {name: {"model": name, "arrival_s": 6.0, "deadline_s": 8.0} for name in "ab"}
    instance = stream_of(users=users, retention=retention, prefetch=prefetch, **PAIR)
    assert stream_optimum(instance) == ticked_optimum(instance) == served
    assert edgeopt.solve(instance, "exact").objective == served


@pytest.mark.parametrize(("prefetch", "served"), [("none", 1), ("idle", 1), ("next", 2)])
def test_loading_while_a_batch_computes_pays(prefetch, served):
    # a computes to 7 s, and meanwhile b begins to load: it is there at 9 s instead of 10.
    users = {
        "first": {"model": "a", "arrival_s": 6.0, "deadline_s": 7.0},
        "second": {"model": "b", "arrival_s": 6.0, "deadline_s": 10.0},
    }
    instance = stream_of(users=users, prefetch=prefetch, **PAIR)
    assert stream_optimum(instance) == ticked_optimum(instance) == served
    assert edgeopt.solve(instance, "exact").objective == served

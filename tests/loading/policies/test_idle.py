"""Loading in idle time: what it gains, and that it is density where it may not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.policies.idle import LoadsInIdleTime
from edgeopt.loading.policies.named import replay_policy
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.simulation import simulate


def rare_requests(seed, **options):
    """Draw requests that come more rarely than anything loads, with windows in which some models cannot be loaded."""
    return generate(
        "lora-towers",
        models=8,
        users=60,
        seed=seed,
        arrivals="poisson",
        rate_per_s=0.02,
        uploads="none",
        deadline_s=4.0,
        load_rate_bytes_per_s=2.5e9,
        **options,
    )


@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
def test_it_serves_more_where_nothing_can_be_loaded_in_time(retention):
    gains = []
    for seed in range(4):
        stream = rare_requests(seed, prefetch="idle", retention=retention)
        replay = simulate(stream, LoadsInIdleTime())
        assert edgeopt.check(stream, plan_of(replay)).objective == replay.served
        gains.append(replay.served - edgeopt.check(stream, replay_policy(stream, "density")).objective)
    assert any(not step.users for step in replay.steps)
    assert np.mean(gains) > 5


@pytest.mark.parametrize("prefetch", ["none", "next"])
def test_it_is_density_where_nothing_may_be_loaded_for_nobody(prefetch):
    stream = rare_requests(1, prefetch=prefetch)
    assert replay_policy(stream, "density-idle") == replay_policy(stream, "density")


def test_it_does_not_load_one_model_after_another_for_nobody():
    steps = simulate(rare_requests(2, prefetch="idle"), LoadsInIdleTime()).steps
    empty = [not step.users for step in steps]
    assert any(empty)
    assert not any(one and other for one, other in pairwise(empty))

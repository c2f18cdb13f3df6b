"""The bound by walks of stays: at any prices, on any grid, with short and long stays it is above the optimum."""

from __future__ import annotations

import numpy as np
import pytest

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.streams.bound import PriceSearch, first_step_s
from edgeopt.loading.streams.prices import Bounds
from edgeopt.loading.streams.steps import Stream
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Options, Run
from tests.loading.streams.brute_force import heaviest_stream, stream_optimum
from tests.loading.streams.random_streams import MODE_NAMES, MODES, random_stream, whole_stream
from tests.loading.weights import drawn_weights

ROUNDING = 1e-7  # of sums of prices
STEPS_S = 0.7, 2.7  # the second is longer than many batches, loads and windows


def least_above_optimum(instance: LoadingInstance, seed: int) -> float:
    """Return by how much the least of many bounds is above the optimum."""
    work = compile_workload(instance)
    if not work.models:
        return 0.0
    best, least = (heaviest_stream if instance.weighted else stream_optimum)(instance), np.inf
    counts = np.ones(work.most.sum()) if work.queues.objective.weight is None else work.queues.objective.weight
    rng = np.random.default_rng(seed)
    for step_s in STEPS_S:
        stream = Stream(work, step_s)
        for longer in (1, 1_000):
            weight = counts[stream.order]
            bounds = Bounds(stream, min(stream.longest_batch + 2 + longer, stream.steps.number), weight)
            for scale in (0.0, 0.05, 0.5):
                time = scale * step_s * rng.exponential(1.0, bounds.shape)
                visit = weight * rng.uniform(0, 1, bounds.users) * rng.integers(0, 2)
                least = min(least, bounds.at(time, visit).value - float(best))
    return float(least)


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 2), marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_at_any_prices_no_plan_serves_more(mode, seeds):
    for seed in seeds:
        for instance in (random_stream(seed, *mode, users=4), whole_stream(seed, *mode)):
            assert not instance.stream or least_above_optimum(instance, seed) >= -ROUNDING, (instance.name, seed)


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_at_any_prices_no_plan_weighs_more(mode):
    for seed in range(1):
        for stream in (random_stream(seed, *mode, users=4), whole_stream(seed, *mode)):
            instance = drawn_weights(stream, "whole", seed)
            if instance.stream and instance.weighted:
                assert least_above_optimum(instance, seed) >= -ROUNDING, (instance.name, seed)


def test_random_prices_come_near_the_optimum():
    """Without this the test above could not fail."""
    least = [least_above_optimum(whole_stream(seed, *MODES[0]), seed) for seed in range(6)]
    assert min(least) < 0.2


def crowded(users: int) -> LoadingInstance:
    """Two models of which each load takes most of a window: no plan serves both models' users of one moment."""
    library = {
        "format": "edgeopt-library/1",
        "name": "two",
        "blocks": {"a": 10, "b": 10},
        "models": {
            name: {
                "blocks": [name],
                "compute_fixed_s": 1.0,
                "compute_per_sample_s": 0.0,
                "workspace_bytes_per_sample": 1,
            }
            for name in ("a", "b")
        },
    }
    asked = {
        f"u{k}": {
            "model": "ab"[k % 2],
            "upload_bits": 0.0,
            "spectral_efficiency": 1.0,
            "arrival_s": 20.0 * (k // 2) + 1.0,
            "deadline_s": 20.0 * (k // 2) + 9.0,
        }
        for k in range(users)
    }
    return LoadingInstance.from_dict(
        {
            "format": "edgeopt-instance/1",
            "problem": "loading",
            "name": f"crowded-{users}",
            "library": library,
            "server": {"memory_bytes": 12, "load_rate_bytes_per_s": 1.0},
            "bandwidth_hz": 1.0,
            "users": asked,
            "upload": "overlapped",
        }
    )


def test_good_prices_bound_below_all_users():
    instance = crowded(16)
    search = PriceSearch(compile_workload(instance), Run(Options()))
    search.search(None, 7)
    assert stream_optimum(crowded(4)) == 1
    assert 7 - ROUNDING <= search.bound < 9  # of the 14 users who could be served alone


def test_steps_fit_the_long_loads():
    work = compile_workload(crowded(200))
    step = first_step_s(work)
    assert step is not None
    assert 10.0 / step == pytest.approx(round(10.0 / step), abs=1e-3)
    assert first_step_s(work) == step

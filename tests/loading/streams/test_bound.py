"""The bound by walks of stays: at any prices, on any grid, with short and long stays it is above the optimum."""

from __future__ import annotations

import numpy as np
import pytest

from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.streams import prices
from edgeopt.loading.streams.bound import PriceSearch, first_step_s
from edgeopt.loading.streams.offer_kernels import slack_of
from edgeopt.loading.streams.prices import Bounds
from edgeopt.loading.streams.steps import Stream
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Options, Run
from tests.loading.streams.brute_force import heaviest_stream, stream_optimum
from tests.loading.streams.random_streams import MODE_NAMES, MODES, random_stream, whole_stream
from tests.loading.weights import drawn_weights

ROUNDING = 1e-7  # of sums of prices
LEVELS = (1.0,), (0.7, 1.0, 1.4), (0.2, 3.0)  # of prices of time in a stay
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
        weight = counts[stream.order]
        for longer, levels in zip((1, 1_000, 1_000), LEVELS, strict=True):
            longest = min(stream.longest_batch + 2 + longer, stream.steps.number)
            bounds = Bounds(stream, longest, weight, levels)
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


def test_a_walk_that_loads_beside_batches_is_followed_to_its_begin():
    """Here two states follow each other at the same point of the grid, in both directions."""
    for retention in ("consecutive", "capacity"):
        assert least_above_optimum(whole_stream(102, retention, "next", True), 102) >= -ROUNDING


def test_the_bound_depends_neither_on_threads_nor_on_memory(monkeypatch):
    work = compile_workload(whole_stream(3, "capacity", "none", False))
    stream = Stream(work, 0.5)
    values = []
    for threads, worths in ((1, prices.MOST_WORTHS), (2, prices.MOST_WORTHS), (1, 1), (3, 400)):
        monkeypatch.setattr(prices, "MOST_WORTHS", worths)
        bounds = Bounds(stream, stream.steps.number, np.ones(len(stream.order)), threads=threads)
        evaluation = bounds.at(np.full(bounds.shape, 0.02), np.full(bounds.users, 0.3))
        values.append((evaluation.value, evaluation.time.tolist(), evaluation.visit.tolist()))
    assert all(value == values[0] for value in values)


@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
def test_the_walk_is_worth_what_its_batches_are_worth_one_by_one(retention):
    """Stays are priced together, from one begin to the next; the batches of the best walk are found anew."""
    drawn = {"arrivals": "poisson", "rate_per_s": 3.0, "uploads": "none", "deadline_s": 8.0}
    instance = generate("tree", models=4, users=60, seed=3, retention=retention, **drawn)
    stream = Stream(compile_workload(instance), 0.4)
    # A stay is never so long that it must go on as another one.
    bounds = Bounds(stream, stream.steps.number + stream.longest_batch + 2, np.ones(len(stream.order)))
    rng = np.random.default_rng(1)
    for scale in (0.0, 0.1, 0.3, 1.0):
        time = scale * stream.step_s * rng.exponential(1.0, bounds.shape)
        visit = rng.uniform(0, 0.5, bounds.users)
        found = bounds.at(time, visit)
        served = 1.0 - found.visit
        assert served.sum() > 10
        assert found.value == pytest.approx(served.sum() + (time * found.time).sum() + (visit * found.visit).sum())


def test_random_prices_come_near_the_optimum():
    """Without this the test above could not fail."""
    least = [least_above_optimum(whole_stream(seed, *MODES[0]), seed) for seed in range(6)]
    assert min(least) < 0.2


def two_models(name: str, load_s: int, compute_s: float, windows: list[tuple[str, float, float]]) -> LoadingInstance:
    """Make a stream of two models, each of one block, for users of given models, arrivals and deadlines."""
    models = {
        model: {"blocks": [model], "compute_fixed_s": compute_s, "compute_per_sample_s": 0.0}
        | {"workspace_bytes_per_sample": 1}
        for model in ("a", "b")
    }
    return LoadingInstance.from_dict(
        {
            "format": "edgeopt-instance/1",
            "problem": "loading",
            "name": name,
            "library": {
                "format": "edgeopt-library/1",
                "name": "two",
                "blocks": {"a": load_s, "b": load_s},
                "models": models,
            },
            "server": {"memory_bytes": load_s + 2, "load_rate_bytes_per_s": 1.0},
            "bandwidth_hz": 1.0,
            "users": {
                f"u{number}": {
                    "model": model,
                    "upload_bits": 0.0,
                    "spectral_efficiency": 1.0,
                    "arrival_s": arrival,
                    "deadline_s": deadline,
                }
                for number, (model, arrival, deadline) in enumerate(windows)
            },
            "upload": "overlapped",
        }
    )


def crowded(users: int) -> LoadingInstance:
    """Two models of which each load takes most of a window: no plan serves both models' users of one moment."""
    windows = [("ab"[k % 2], 20.0 * (k // 2) + 1.0, 20.0 * (k // 2) + 9.0) for k in range(users)]
    return two_models(f"crowded-{users}", 10, 1.0, windows)


def test_good_prices_bound_below_all_users():
    instance = crowded(16)
    search = PriceSearch(compile_workload(instance), Run(Options()))
    search.search(None, 7)
    assert stream_optimum(crowded(4)) == 1
    assert 7 - ROUNDING <= search.bound < 9  # of the 14 users who could be served alone


def turns(number: int, compute_s: float) -> LoadingInstance:
    """Make a stream of users of two models in turns, served if each load and batch begins where the last one ended."""
    starts = [2.0 + (2.0 + compute_s) * turn for turn in range(number)]
    return two_models(
        "turns", 2, compute_s, [("ab"[turn % 2], start, start + compute_s) for turn, start in enumerate(starts)]
    )


@pytest.mark.parametrize("compute_s", [1.25, 1.5, 1.75])
def test_rounding_the_ends_of_stays_takes_nothing_from_them(compute_s):
    """Loads are whole steps and batches are not: some stays of the walk are too short, which their slack mends."""
    assert stream_optimum(turns(4, compute_s)) == 4
    stream = Stream(compile_workload(turns(12, compute_s)), 0.999)
    lowest = []
    for levels in LEVELS:
        bounds = Bounds(stream, stream.steps.number, np.ones(12), levels)
        times = [np.full(bounds.shape, price) for price in np.linspace(0.0, 1.0, 11)]
        values = [bounds.at(time, np.zeros(12)).value for time in times]
        assert min(values) >= 12 - ROUNDING
        lowest.append(min(values[4:]))
    # Stays that borrow time from others at one level do not at several.
    assert lowest[0] > lowest[1] > lowest[2]


def test_the_slack_is_enough_for_every_concave_worth_and_not_more():
    """Time of a stay in steps, rounded up as often as keeps its mean, is worth no less with the slack."""
    for levels in ((0.7, 1.0, 1.4), (0.5, 2.0), (0.1, 1.0, 3.0)):
        slopes = np.array(levels)
        slack, least = slack_of(slopes), np.inf
        for up in np.linspace(0.0, 1.0, 101):
            for kink in np.linspace(-1.0, 2.0, 151):  # of the worth, beyond the true length

                def worth(length, kink=kink, slopes=slopes):
                    return min(slopes.max() * (length - kink), slopes.min() * (length - kink))

                rounded = (1 - up) * worth(slack - up) + up * worth(slack - up + 1)
                least = min(least, rounded - worth(0.0))
        assert -1e-9 <= least < 0.02 * slopes.max()


def test_steps_fit_the_long_loads():
    work = compile_workload(crowded(200))
    step = first_step_s(work)
    assert step is not None
    assert 10.0 / step == pytest.approx(round(10.0 / step), abs=1e-3)
    assert first_step_s(work) == step

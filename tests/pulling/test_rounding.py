"""The roundings of `pulling`: what they promise in expectation, by enumeration and by counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.core import ranked
from edgeopt.pulling.derandomized import conditional_thresholds, option_chances
from edgeopt.pulling.generator import generate
from edgeopt.pulling.openings import core_arrays
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.rounding import enough_steps
from edgeopt.pulling.rounding_kernels import Chances, Labels, expected_service, take_labels
from edgeopt.run import Run
from tests.pulling.random_instances import random_instance


def delay(core, opened):
    """Delay when every group takes its cheapest open option or the cloud."""
    service = core.cloud_cost.copy()
    for option in np.flatnonzero(core.available(opened)):
        group = core.option_group[option]
        service[group] = min(service[group], core.option_cost[option])
    return float(core.units @ service) + float(core.atom_pull[opened].sum())


def expected_delay(core, openings):
    """Mean over independent thresholds of the sites, by trying every combination of intervals between values."""
    outcomes = []
    for site in range(core.sites):
        values = np.where(core.costly[site], openings[site], 0.0)
        ends = np.unique(np.concatenate([[0.0, 1.0], values]))
        outcomes.append([(high - low, values >= high) for low, high in itertools.pairwise(ends)])
    total = 0.0
    for combination in itertools.product(*outcomes):
        opened = np.array([row for _, row in combination]) & core.costly
        total += np.prod([chance for chance, _ in combination]) * delay(core, opened)
    return total


@pytest.mark.parametrize("seed", range(12))
def test_conditional_thresholds_are_no_worse_than_their_expectation(seed):
    core = reduce_instance(
        generate(cloudlets=3, requests=8, models=6, seed=seed, memory_fraction=10, mean_count=50)
    ).core
    rng = np.random.default_rng(seed)
    openings = np.where(core.costly, rng.choice([0.0, 0.0, 0.2, 0.5, 0.8, 1.0], core.atom_bytes.shape), 1.0)
    opened = conditional_thresholds(core, core_arrays(core), openings)
    assert delay(core, opened) <= expected_delay(core, openings) * (1 + 1e-9)


def test_labels_are_taken_with_their_shares():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(3), 4)
    share = rng.dirichlet(np.ones(5), 3)[:, :4].ravel()
    in_cloud = 1 - share.reshape(3, 4).sum(axis=1)
    draws, taken = 8000, np.zeros(12)
    starts, options = np.arange(0, 13, 3), np.arange(12).reshape(3, 4).T.ravel().copy()
    labels = Labels(starts, options, group, share, in_cloud)
    for _ in range(draws):
        amounts, waiting = np.zeros(12, np.int64), np.ones(3, np.bool_)
        choices, thetas = rng.integers(5, size=400), 1 - rng.random(400)
        assert take_labels(labels, choices, thetas, waiting, amounts) == 0
        taken += amounts
    assert np.abs(taken / draws - share).max() < 5 * 0.5 / np.sqrt(draws)


@pytest.mark.parametrize("groups", [1, 2, 10, 1000])
@pytest.mark.parametrize("labels", [1, 2, 3, 50, 4000])
def test_steps_after_which_hardly_anybody_waits(labels, groups):
    steps = enough_steps(labels, groups)
    assert groups * (1 - 1 / labels) ** steps <= np.exp(-2) / groups
    assert steps <= 2 * labels * (1 + np.log(groups)) + 1


def test_ranked_is_unique():
    rng = np.random.default_rng(1)
    for most in (1, 5, 10**6):
        keys = rng.integers(0, most, 50)
        for found, expected in zip(ranked(keys), np.unique(keys, return_inverse=True), strict=True):
            assert (found == expected).all()
    assert [len(part) for part in ranked(np.empty(0, np.int64))] == [0, 0]


def promised_and_expected(core) -> tuple[float, float, float, int]:
    """Return H, the relaxation's service, the expected service of threshold rounding, and the most options m."""
    relaxation = LinearRelaxation(core, Run(maximize=False))
    assert relaxation.values is not None
    openings, x = relaxation.openings(), relaxation.values[: core.options]
    chance = option_chances(core, openings)
    free = core.available(np.zeros(core.atom_bytes.shape, bool))
    rest = core.cloud_cost.copy()  # of each group, with nothing pulled
    np.minimum.at(rest, core.option_group[free], core.option_cost[free])
    reachable = np.isfinite(core.cloud_cost)
    in_cloud = 1 - np.bincount(core.option_group, x, minlength=core.groups)
    served = float(core.option_cost @ x) + float((in_cloud[reachable] * core.cloud_cost[reachable]).sum())
    chances = Chances(
        core.group_start, np.arange(core.options), core.option_site, core.option_cost, chance, core.units, rest
    )
    expected = expected_service(chances, np.arange(core.groups), -1, np.zeros(core.options), np.zeros(core.sites))
    used = (x > 1e-9) & ~free
    pairs = core.option_group[used] * core.sites + core.option_site[used]
    most = int(np.unique(pairs, return_counts=True)[1].max(initial=1))
    bytes_opened = (np.where(core.costly, openings, 0.0) * core.atom_bytes).sum(axis=1)
    assert (bytes_opened <= core.memory * (1 + 1e-6) + 1e-6).all()
    return float(rest.sum()), served, expected, most


@pytest.mark.parametrize("waiting", ["parallel", "serial", "once"])
def test_threshold_rounding_saves_its_share(waiting):
    """The theorem of docs/pulling-proofs.md, on relaxations that are fractional or use two models at a site."""
    seen, several = [], 0
    for seed, (sharing, memory) in itertools.product(range(10), [("freeze-depth", 0.15), ("random", 0.1)]):
        instance = generate(
            sharing=sharing,
            cloudlets=4,
            requests=25,
            models=18,
            seed=seed,
            sources="any",
            waiting=waiting,
            resident_fraction=0.4,
            cloud_to_edge=0.002,
            memory_fraction=memory,
        )
        total, served, expected, most = promised_and_expected(reduce_instance(instance).core)
        assert total - expected >= (1 - 1 / np.e) / most * (total - served) - 1e-9 * total, seed
        several += most > 1
        if total > served:
            seen.append((total - expected) / (total - served))
    assert sum(ratio < 1 - 1e-6 for ratio in seen) >= 4
    assert several >= (waiting != "serial")
    assert min(seen) < 0.95


def test_expected_service_is_that_of_all_thresholds():
    for seed in range(20):
        core = reduce_instance(random_instance(seed, 6, 4, 2, 4, cloud=1.0, waiting="parallel", sources="any")).core
        if core.limited.any() or np.isinf(core.cloud_cost).any() or core.decoupled:
            continue
        rng = np.random.default_rng(seed)
        openings = np.where(core.costly, rng.choice([0.0, 0.3, 0.6, 1.0], core.atom_bytes.shape), 1.0)
        chances = Chances(
            core.group_start,
            np.arange(core.options),
            core.option_site,
            core.option_cost,
            option_chances(core, openings),
            core.units,
            core.cloud_cost,
        )
        found = expected_service(chances, np.arange(core.groups), -1, np.zeros(core.options), np.zeros(core.sites))
        assert found == pytest.approx(expected_delay(core, openings), rel=1e-9)

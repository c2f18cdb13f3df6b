"""The roundings of `pulling`: what they promise in expectation, by enumeration and by counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.core import ranked
from edgeopt.pulling.derandomized import conditional_thresholds
from edgeopt.pulling.generator import generate
from edgeopt.pulling.openings import core_arrays
from edgeopt.pulling.rounding import enough_steps
from edgeopt.pulling.rounding_kernels import Labels, take_labels


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

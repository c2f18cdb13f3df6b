"""Blossom rows: broken by halves around a triangle, by no forest of paths, and rounded as Chvátal and Gomory do."""

from itertools import combinations

import numpy as np
import pytest

from edgeopt.loading.orders.blossoms import violated_blossoms
from edgeopt.loading.orders.forest import CUT_MARGIN
from tests.amounts import some_or_many


def test_a_triangle_of_halves_with_three_pairs_that_leave_it_is_cut_off():
    pairs = np.array([[0, 1], [0, 2], [1, 2], [0, 3], [1, 4], [2, 5]])
    z = np.array([0.5, 0.5, 0.5, 1.0, 1.0, 1.0])
    (row,) = violated_blossoms(pairs, z, np.ones(6), CUT_MARGIN)
    assert sorted(row.pairs.tolist()) == [0, 1, 2, 3, 4, 5]
    assert row.models.tolist() == [0, 1, 2]
    assert row.upper == 1  # 4.5 - 3 > 1


@pytest.mark.parametrize("teeth", [0, 2])
def test_an_even_number_of_pairs_that_leave_it_gives_no_row(teeth):
    pairs = np.array([[0, 1], [0, 2], [1, 2], [0, 3], [1, 4]])[: 3 + teeth]
    z = np.array([0.5, 0.5, 0.5, 1.0, 1.0])[: 3 + teeth]
    assert not violated_blossoms(pairs, z, np.ones(5), CUT_MARGIN)


@some_or_many(60, 600)
def test_no_plan_breaks_a_row(numbers):
    """Rows of random points with two neighbours at most hold for every way to choose models and pairs that do, too."""
    rows = 0
    for seed in numbers:
        rng = np.random.default_rng(seed)
        pairs = np.array(list(combinations(range(6), 2)))[rng.permutation(15)[:9]]
        z = rng.choice([0.0, 0.5, 0.6, 1.0], len(pairs), p=[0.1, 0.45, 0.15, 0.3])
        visited = rng.choice([0.6, 0.8, 1.0], 6, p=[0.1, 0.1, 0.8])
        found = violated_blossoms(pairs, z, visited, CUT_MARGIN)
        rows += len(found)
        if not found:
            continue
        for chosen in range(2 ** len(pairs)):
            z = (chosen >> np.arange(len(pairs))) & 1
            degree = np.bincount(pairs[z > 0].ravel(), minlength=6)
            if degree.max() <= 2:
                y = degree > 0  # further visits only loosen the row
                for row in found:
                    assert z[row.pairs].sum() - y[row.models].sum() <= row.upper, (seed, row)
    assert rows > len(numbers) / 6

"""Min-plus merges against their definition."""

import numpy as np
import pytest

from edgeopt.loading.orders import merging
from edgeopt.loading.orders.merging import Pool, merge, split


def random_table(rng, longest, first=None):
    table = np.sort(rng.integers(0, 25, rng.integers(1, longest + 1))).astype(float)
    if first is not None:
        table[0] = first
    return table


def by_definition(first, second, horizon):
    sums = np.full(len(first) + len(second) - 1, np.inf)
    for q, one in enumerate(first):
        for p, other in enumerate(second):
            sums[q + p] = min(sums[q + p], one + other)
    return [time for time in sums if time <= horizon]


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_merge_is_the_least_sum_within_the_horizon(monkeypatch, block):
    monkeypatch.setattr(merging, "BLOCK", block)
    rng = np.random.default_rng(block)
    for _ in range(300):
        first, second = random_table(rng, 14), random_table(rng, 14)
        horizon = float(rng.integers(-1, 55))
        assert merge(first, second, horizon).tolist() == by_definition(first, second, horizon)


def test_split_reaches_the_merged_time():
    rng = np.random.default_rng(1)
    for _ in range(200):
        first, second = random_table(rng, 9), random_table(rng, 9)
        for total, time in enumerate(merge(first, second, 40.0)):
            q = split(first, second, total)
            assert first[q] + second[total - q] == time


def test_pool_equals_merging_one_after_another_and_shares_add_up():
    rng = np.random.default_rng(2)
    for _ in range(150):
        tables = [random_table(rng, 6, first=0.0) for _ in range(rng.integers(0, 8))]
        horizon = float(rng.integers(25, 90))
        expected = np.zeros(1)
        for table in tables:
            expected = merge(expected, table, horizon)
        pool = Pool(tables, horizon)
        assert pool.table.tolist() == expected.tolist()
        for total, time in enumerate(pool.table):
            shares = pool.shares(total)
            assert sum(shares) == total
            assert sum(table[share] for table, share in zip(tables, shares, strict=True)) == time


def test_pool_that_expires_keeps_a_part_that_can_be_read_back():
    rng = np.random.default_rng(3)
    for merges in range(6):
        tables = [random_table(rng, 6, first=0.0) for _ in range(6)]
        left = iter([False] * merges)
        pool = Pool(tables, 60.0, lambda left=left: next(left, True))
        assert len(pool.table) <= len(Pool(tables, 60.0).table)
        assert len(pool.table) >= max(map(len, tables))
        for total, time in enumerate(pool.table):
            shares = pool.shares(total)
            assert sum(shares) == total
            assert sum(table[share] for table, share in zip(tables, shares, strict=True)) == time

"""The path relaxation at arbitrary prices and with arbitrary memory, against plans known to be optimal."""

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.walks.path_memory import Groups
from edgeopt.loading.walks.path_prices import CuttingPlanes, Prices
from edgeopt.loading.walks.path_walks import Walks, step_length
from edgeopt.loading.workload import compile_workload
from tests.loading.brute_force import optimum
from tests.loading.walks.test_against_brute_force import SEEDS, instance, with_users


def random_groups(first, rng):
    """Split the users of each model by deadline at random ranks."""
    starts = []
    for size in np.diff(first).tolist():
        inner = rng.permutation(np.arange(1, size))[: rng.integers(0, 3)]
        starts.append((0, *sorted(inner.tolist()), size))
    return Groups(tuple(starts))


@pytest.mark.slow
def test_any_prices_and_any_memory_give_a_bound():
    """Narrow intervals around the upload phase of an optimal plan, so that the bound has little slack."""
    tight = tried = 0
    for seed in with_users(SEEDS)[::2]:
        arrays = compile_workload(instance(seed)).queues
        step = step_length(arrays)
        if step is None:
            continue
        best = optimum(instance(seed))
        plan = edgeopt.solve(instance(seed), "exact", threads=1).plan
        served = [user for _, users in arrays.batches(plan) for user in users]
        assert len(served) == best
        uploads, rng = float(arrays.upload_s[served].sum()), np.random.default_rng(seed)
        walks, users = Walks(arrays, step), len(arrays.user_names)
        for turn in range(6):
            groups = random_groups(arrays.first, rng)
            walks.prepare(uploads * (1 - 1e-9), uploads * (1 + 1e-9), groups)
            prices = Prices(rng.random(users) * (turn % 3) / 2, rng.random(1) * (turn % 2))
            value, counts, used = walks.best(prices, np.zeros(users, np.int64))
            bound = value + prices.total(walks.limits(uploads * (1 + 1e-9)))
            assert bound >= best - 1e-6, (seed, turn)
            assert used == pytest.approx(counts @ arrays.upload_s)
            worth = counts @ (1 - prices.user) - prices.upload_s @ used
            assert abs(worth - value) < 1e-9, "the walk is not worth what it should be"
            tight, tried = tight + (bound < best + 0.5), tried + 1
    assert tried > 300
    assert tight > 30


def test_more_memory_never_weakens_the_bound_and_sometimes_helps():
    better = 0
    for seed in with_users(SEEDS)[::2]:
        arrays = compile_workload(instance(seed)).queues
        step = step_length(arrays)
        if step is None:
            continue
        coarse = Groups.coarsest(arrays.first)
        fine = Groups(tuple(tuple(range(size + 1)) for size in np.diff(arrays.first).tolist()))
        walks, users = Walks(arrays, step), len(arrays.user_names)
        free = Prices(np.zeros(users), np.zeros(1))
        value = []
        for groups in (coarse, fine):
            walks.prepare(0.0, float(arrays.upload_s.sum()), groups)
            value.append(walks.best(free, np.zeros(users, np.int64))[0])
        assert value[1] <= value[0] + 1e-9
        better += value[1] < value[0] - 0.5
    assert better > 5


def test_groups_are_split_where_users_are_served_twice():
    first = np.array([0, 4, 6])
    coarse = Groups.coarsest(first)
    fine = coarse.split(first, np.array([0.1, 0.9, 0.5, 0.1, 0.2, 0.1]), 8)
    assert fine is not None
    assert fine.starts == ((0, 2, 4), (0, 2))
    assert fine.states == 2
    assert fine.split(first, np.ones(6), 2) is None, "memory is full"
    assert coarse.split(first, np.zeros(6), 8) is None, "nobody is served twice"


def test_cutting_planes_find_the_prices_of_two_walks():
    """Walks that serve users 0, 0 and 0, 1: at price 1 of user 0 each is worth one user at most, plus that price."""
    planes = CuttingPlanes(np.ones(1), np.zeros(2, np.int64))
    for counts in ([2, 0], [1, 1]):
        planes.add(np.array(counts), np.zeros(1))
    prices, least = planes.solve()
    assert abs(least - 2.0) < 1e-9
    assert abs(prices.user.sum() + prices.upload_s[0] + max(2 - 2 * prices.user[0], 2 - prices.user.sum()) - 2.0) < 1e-9
    assert abs(planes.frequency() @ [1, 1] - 2.0) < 1e-9

"""The order-DP: exact for a fixed order against enumeration in fractions; the best order against brute force."""

from fractions import Fraction
from itertools import combinations, permutations, product

import numpy as np
import pytest

from edgeopt.loading.checker import check
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.order_dp import Selection, best_selection
from edgeopt.loading.orders.tables import ServingTables
from edgeopt.loading.workload import compile_workload
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance
from tests.loading.small import FREE, instance_of


def exact(value):
    return Fraction(repr(value))


def uploads(instance, model):
    """Exact upload times of a model's users, least first."""
    band = exact(instance.bandwidth_hz)
    asked = [user for user in instance.users.values() if user.model == model]
    return sorted(exact(user.upload_bits) / (exact(user.spectral_efficiency) * band) for user in asked)


def serving_time(instance, model, count):
    """Exact seconds for uploads and batches of the model's `count` quickest users; None when memory forbids it."""
    facts, size = instance.library.models[model], instance.library.size_bytes(model)
    free, workspace = instance.server.memory_bytes - size, facts.workspace_bytes_per_sample
    batch = count if not workspace else free // workspace
    if free < 0 or batch < 1:
        return None
    compute = exact(facts.compute_fixed_s) * -(-count // batch) + exact(facts.compute_per_sample_s) * count
    return sum(uploads(instance, model)[:count], Fraction(0)) + compute


def most_users_in_order(instance, names):
    """Enumerate every choice of models within the order and every number of users of each."""
    deadline = max((exact(user.deadline_s) for user in instance.users.values()), default=Fraction(0))
    rate, best = exact(instance.server.load_rate_bytes_per_s), 0
    for number in range(1, len(names) + 1):
        for chosen in combinations(names, number):
            loaded, before = 0, set()
            for name in chosen:
                blocks = set(instance.library.models[name].blocks)
                loaded += sum(instance.library.blocks[block] for block in blocks - before)
                before = blocks
            for counts in product(*(range(1, len(uploads(instance, name)) + 1) for name in chosen)):
                times = [serving_time(instance, name, count) for name, count in zip(chosen, counts, strict=True)]
                if None not in times and sum(times, Fraction(loaded) / rate) <= deadline:
                    best = max(best, sum(counts))
    return best


def served(instance, arrays, selection):
    """Users of a selection, as the checker counts them."""
    report = check(instance, arrays.plan(selection.order, selection.counts))
    assert report.feasible
    assert report.objective == selection.users
    return report.objective


@some_or_many(8, 25)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_best_choice_within_an_order(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure, models=5, users=9)
        arrays = compile_workload(instance).prefixes
        order = np.random.default_rng(seed).permutation(len(arrays.model_names))
        selection = best_selection(ServingTables.of(arrays), order)
        names = [arrays.model_names[model] for model in order]
        assert served(instance, arrays, selection) == most_users_in_order(instance, names), instance.name
        assert [model for model in order if model in selection.order] == selection.order
        assert min(selection.counts, default=1) >= 1


@pytest.mark.parametrize("structure", ["interval", "crossing", "random", "dense"])
def test_best_order_is_the_optimum(structure):
    for seed in range(100, 115):
        instance = random_instance(seed, structure, models=5, users=7)
        tables = ServingTables.of(compile_workload(instance).prefixes)
        orders = permutations(range(tables.models))
        assert max(best_selection(tables, order).users for order in orders) == optimum(instance), instance.name


def test_order_decides():
    """a and c share 8 bytes: in the order a, c, b all are loaded in time, in the order a, b, c they are not."""
    instance = instance_of(
        {"a": ["ac"], "b": ["own"], "c": ["ac", "tail"]},
        {name: {"model": name, "upload_bits": 0.0} for name in "abc"},
        deadline_s=14.0,
        sizes={"ac": 8, "own": 5, "tail": 1},
        model_keys=dict.fromkeys("abc", FREE),
    )
    tables = ServingTables.of(compile_workload(instance).prefixes)
    assert best_selection(tables, [0, 2, 1]).users == 3
    assert best_selection(tables, [0, 1, 2]).users == 2


def test_part_of_the_models_is_an_order_too():
    instance = random_instance(3, "random", models=5, users=9)
    arrays = compile_workload(instance).prefixes
    selection = best_selection(ServingTables.of(arrays), [1])
    assert set(selection.order) <= {1}
    assert served(instance, arrays, selection) == most_users_in_order(instance, [arrays.model_names[1]])
    assert best_selection(ServingTables.of(arrays), []) == Selection([], [])


def test_stopping_keeps_the_beginning_of_the_order(monkeypatch):
    monkeypatch.setattr("edgeopt.loading.orders.order_dp.CHUNK", 1)
    instance = generate("random", 20, 150, seed=4)
    arrays = compile_workload(instance).prefixes
    tables, order = ServingTables.of(arrays), np.arange(len(arrays.model_names))
    questions = iter([False] * 6 + [True])
    stopped = best_selection(tables, order, lambda: next(questions))
    assert 0 < served(instance, arrays, stopped) == best_selection(tables, order[:7]).users
    assert stopped.users < best_selection(tables, order).users


@pytest.mark.parametrize("seed", range(4))
def test_bound_without_loading(seed):
    """No order serves more than the bound, which some model alone may reach."""
    tables = ServingTables.of(compile_workload(generate("grid", 25, 200, seed=seed)).prefixes)
    order = np.random.default_rng(seed).permutation(tables.models)
    assert best_selection(tables, order).users <= tables.most_users(order) <= len(tables.serve) - tables.models


def test_hull_slopes_are_the_lower_convex_hull():
    from edgeopt.loading.orders.order_kernels import hull_slopes

    rng = np.random.default_rng(5)
    for _ in range(50):
        serve = np.concatenate([[0.0], np.cumsum(rng.integers(0, 6, size=rng.integers(1, 9)))])
        slopes = hull_slopes(serve, np.array([0, len(serve)]))
        hull = np.cumsum(slopes)
        assert (np.diff(slopes[1:]) >= -1e-12).all()
        assert (hull <= serve + 1e-12).all()
        for n in range(len(serve)):
            # The least that two points of the curve, or one, give at n by interpolation.
            chords = [
                serve[a] + (serve[b] - serve[a]) * (n - a) / (b - a) if a < b else serve[n]
                for a in range(n + 1)
                for b in range(n, len(serve))
            ]
            assert hull[n] == pytest.approx(min(chords))

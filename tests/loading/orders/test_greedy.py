"""Greedy methods: feasible, never above the optimum, insertion anywhere, refill, and the weakness of appending."""

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.paths import Path
from edgeopt.loading.orders.tables import ServingTables
from edgeopt.loading.workload import compile_workload
from tests.amounts import some_or_many
from tests.from_python import from_python
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance
from tests.loading.small import FREE, instance_of


@some_or_many(6, 30)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_never_above_the_optimum_and_close_to_it(structure, numbers):
    best = reached = 0
    for seed in numbers:
        instance = random_instance(seed, structure)
        value, most = edgeopt.solve(instance, "greedy").objective, optimum(instance)
        assert value <= most, instance.name
        assert edgeopt.solve(instance, "greedy-append").objective <= most, instance.name
        best, reached = best + most, reached + value
    assert reached >= 0.98 * best


def build(instance):
    """Order and counts of the bare insertion, before the order-DP."""
    from edgeopt.loading.orders.greedy_kernels import cheapest_insertion

    arrays = compile_workload(instance).prefixes
    tables = ServingTables.of(arrays)
    path = Path(tables)
    credit = 0.0 * tables.largest
    counts = cheapest_insertion(
        path.cells,
        path.place,
        tables.serve,
        tables.slopes,
        tables.first,
        tables.load,
        tables.overlap,
        credit,
        tables.horizon,
    )
    return [(arrays.model_names[model], int(counts[model])) for model in path.order()]


def test_best_bundle_is_the_best_of_all():
    """Stopping early at a corner of the hull misses nothing."""
    from edgeopt.loading.orders import greedy_kernels
    from edgeopt.loading.orders.order_kernels import hull_slopes

    best_bundle = from_python(greedy_kernels.best_bundle)
    rng = np.random.default_rng(3)
    for _ in range(300):
        serve = np.concatenate([[0.0], np.cumsum(rng.integers(0, 6, size=rng.integers(1, 12)))])
        slopes, load = hull_slopes(serve, np.array([0, len(serve)])), float(rng.integers(0, 6))
        served, time = int(rng.integers(0, len(serve))), float(rng.integers(0, 40))
        credit = 0.5 * load
        ratios = [
            (n - served) / max(serve[n] - serve[served] + load - credit, 1e-300)
            for n in range(served + 1, len(serve))
            if serve[n] - serve[served] + load <= time
        ]
        ratio, users = best_bundle(serve, slopes, 0, len(serve), served, load, credit, time)
        assert ratio == pytest.approx(max(ratios, default=0.0))
        assert not ratios or ratios[users - served - 1] == pytest.approx(ratio)


def test_refills_a_model_on_the_path():
    """The second user of a costs 3 s and comes after b's, which costs 2 s."""
    instance = instance_of(
        {"a": ["a"], "b": ["b"]},
        {
            "quick": {"model": "a", "upload_bits": 0.0},
            "slow": {"model": "a", "upload_bits": 12.0},
            "other": {"model": "b", "upload_bits": 4.0},
        },
        deadline_s=7.0,
        model_keys=dict.fromkeys("ab", FREE),
    )
    assert sorted(build(instance)) == [("a", 2), ("b", 1)]


def test_inserts_between_two_models():
    """The middle one comes last, for its upload, and costs no loading between the others only."""
    instance = instance_of(
        {"left": ["l"], "middle": ["l", "r"], "right": ["r"]},
        {
            "1": {"model": "left", "upload_bits": 0.0},
            "2": {"model": "middle", "upload_bits": 48.0},
            "3": {"model": "right", "upload_bits": 0.0},
        },
        deadline_s=2.0 + 12.0,
        model_keys=dict.fromkeys(["left", "middle", "right"], FREE),
    )
    built = build(instance)
    assert [count for _, count in built] == [1, 1, 1]
    assert built[1][0] == "middle"
    assert edgeopt.solve(instance, "greedy").objective == 3


def test_appending_can_be_worse_than_no_sharing():
    """One user a second is the best first step (two users need 2.2 s); the model is then never refilled."""
    instance = instance_of(
        {"a": ["a"]},
        {
            "quick": {"model": "a", "upload_bits": 0.0},
            **{f"slow{n}": {"model": "a", "upload_bits": 4.8} for n in (1, 2)},
        },
        deadline_s=3.4,
        model_keys={"a": FREE},
    )
    assert edgeopt.solve(instance, "greedy-append").objective == 1
    assert edgeopt.solve(instance, "no-sharing").objective == edgeopt.solve(instance, "greedy").objective == 3


def test_quality_does_not_depend_on_the_order_of_input():
    instance = generate("random", 20, 160, seed=2)
    data = instance.to_dict()
    data["users"] = dict(reversed(data["users"].items()))
    data["library"]["models"] = dict(reversed(data["library"]["models"].items()))
    permuted = type(instance).from_dict(data)
    first, second = (edgeopt.solve(one, "greedy").objective for one in (instance, permuted))
    assert abs(first - second) <= 1


def test_the_append_only_greedy_refuses_individual_deadlines():
    instance = instance_of({"a": ["a"]}, {"u": {"model": "a", "deadline_s": 3.0}, "v": {"model": "a"}}, deadline_s=9.0)
    with pytest.raises(edgeopt.MethodRefusal, match=r"'u' has 3 s and 'v' has 9 s; 'exact'"):
        edgeopt.solve(instance, "greedy-append")


@pytest.mark.parametrize("name", ["greedy", "greedy-append"])
def test_nobody_to_serve(name):
    solution = edgeopt.solve(instance_of({"a": ["a"]}, ["a", "a"], deadline_s=0.5), name)
    assert (solution.objective, solution.stopped) == (0, "proved")

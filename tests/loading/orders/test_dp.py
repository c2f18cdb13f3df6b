"""The tree knapsack: optimal against brute force, one load per block, clear refusals, anytime."""

import threading

import numpy as np
import pytest

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.dp import crossing_refusal, solve_tree
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import random_instance
from tests.loading.small import FREE, instance_of


@some_or_many(12, 100)
@pytest.mark.parametrize("structure", ["none", "backbone", "tree"])
def test_optimal_on_tree_sharing(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure)
        solution = edgeopt.solve(instance, "dp")
        assert solution.objective == optimum(instance), instance.name
        assert (solution.status, solution.stopped, solution.bound) == ("optimal", "proved", solution.objective)


@pytest.mark.parametrize("seed", range(4))
def test_each_block_is_loaded_once_in_a_depth_first_order(seed):
    instance = generate("tree", 80, 400, seed=seed)
    solution = edgeopt.solve(instance, "dp")
    visited = {batch["model"] for batch in solution.plan["batches"]}
    assert len(visited) > 10
    assert solution.metrics["loaded_bytes"] == instance.library.union_bytes(visited)


def test_users_of_least_upload_are_served_in_full_batches():
    uploads = [5.0, 1.0, 4.0, 2.0, 3.0, 90.0]
    users = {f"u{bits:g}": {"model": "m", "upload_bits": bits} for bits in uploads}
    # 3.75 s of uploads, 1 s of loading, and 3 batches of at most 2 users: 3 s + 5 * 0.5 s.
    instance = instance_of({"m": ["b"]}, users, 10.25, memory_bytes=3)
    batches = edgeopt.solve(instance, "dp").plan["batches"]
    assert [batch["users"] for batch in batches] == [["u1", "u2"], ["u3", "u4"], ["u5"]]


def test_refuses_crossing_blocks_by_name():
    instance = instance_of({"a": ["x", "y"], "b": ["x"], "c": ["y"]}, ["a", "b", "c"], 100.0)
    with pytest.raises(edgeopt.MethodRefusal, match=r"'x' and 'y' cross.*'modular-dp' or 'exact' would work"):
        edgeopt.solve(instance, "dp")


def test_named_blocks_do_cross():
    refused = 0
    for seed in range(60):
        instance = random_instance(seed, "random")
        crossing = compile_workload(instance).prefixes.sharing.crossing_blocks
        if crossing is None:
            continue
        refused += 1
        assert crossing[0] in crossing_refusal(instance)
        first, second = ({m for m, facts in instance.library.models.items() if b in facts.blocks} for b in crossing)
        assert first & second
        assert first - second
        assert second - first
    assert refused > 10


def test_models_that_can_serve_nobody_do_not_count():
    # The middle model joins the crossing blocks, but its users cannot be served in time.
    users = {"u0": {"model": "b"}, "u1": {"model": "c"}, "late": {"model": "a", "upload_bits": 1e6}}
    instance = instance_of({"a": ["x", "y"], "b": ["x"], "c": ["y"]}, users, 9.0)
    assert instance.library.summary().structure == "general"
    assert edgeopt.solve(instance, "dp").objective == optimum(instance) == 2


def test_refuses_individual_deadlines_by_user():
    instance = instance_of({"m": ["b"]}, {"u": {"model": "m"}, "v": {"model": "m", "deadline_s": 8.0}}, 9.0)
    with pytest.raises(edgeopt.MethodRefusal, match=r"'u' has 9 s and 'v' has 8 s"):
        edgeopt.solve(instance, "dp")


NOBODY = {
    "no users": instance_of({"m": ["b"]}, [], 9.0),
    "no models": instance_of({}, [], 9.0),
    "no time": instance_of({"m": ["b"]}, ["m"], 0.0),
    "model larger than the GPU": instance_of({"m": ["b"]}, ["m"], 9.0, sizes={"b": 1001}),
    "no room for a sample": instance_of({"m": ["b"]}, ["m"], 9.0, sizes={"b": 1000}),
    "upload far too large": instance_of({"m": ["b"]}, {"u": {"model": "m", "upload_bits": 1e30}}, 9.0),
}


@pytest.mark.parametrize("method", ["dp", "modular-dp"])
@pytest.mark.parametrize("case", NOBODY)
def test_nobody_served_is_optimal(case, method):
    solution = edgeopt.solve(NOBODY[case], method)
    assert (solution.status, solution.objective, solution.bound, solution.gap) == ("optimal", 0, 0, 0.0)
    assert solution.plan == {"batches": [], "bandwidth_hz": {}}


EVERYBODY = {
    "no time, and nothing takes time": instance_of(
        {"m": []}, {"u": {"model": "m", "upload_bits": 0.0}}, 0.0, model_keys={"m": FREE}
    ),
    "no blocks": instance_of({"m": [], "n": []}, ["m", "n"], 4.0),
    "blocks of no bytes": instance_of({"m": ["b"], "n": ["b"]}, ["m", "n"], 4.0, sizes={"b": 0}),
    "no uploads": instance_of({"m": ["b"]}, {name: {"model": "m", "upload_bits": 0.0} for name in "uvw"}, 3.5),
    "no workspace": instance_of(
        {"m": ["b"]}, ["m"] * 7, 9.0, model_keys={"m": {"workspace_bytes_per_sample": 0}}, memory_bytes=1
    ),
    "sums that floats round": instance_of(
        {"m": []},
        {f"u{n}": {"model": "m", "upload_bits": 0.1} for n in range(10)},
        1.0,
        model_keys={"m": FREE},
        bandwidth_hz=1.0,
    ),
}


@pytest.mark.parametrize("method", ["dp", "modular-dp"])
@pytest.mark.parametrize("case", EVERYBODY)
def test_everybody_served(case, method):
    solution = edgeopt.solve(EVERYBODY[case], method)
    assert solution.status == "optimal"
    assert solution.objective == len(EVERYBODY[case].users)


def test_deadline_met_to_the_last_digit_and_missed_by_a_little():
    # 2 uploads of 0.5 s, 3 bytes at 1 byte/s, two visits of 1 s + 0.5 s.
    for deadline, served in ((7.0, 2), (7.0 * (1 - 1e-8), 1)):
        instance = instance_of({"a": ["x", "y"], "b": ["x", "z"]}, ["a", "b"], deadline)
        assert edgeopt.solve(instance, "dp").objective == served


def test_sharing_nested_a_thousand_deep():
    depth = 1500
    blocks = [f"b{level}" for level in range(depth)]
    models = {f"m{level}": blocks[: level + 1] for level in range(0, depth, 5)}
    instance = instance_of(models, list(models), 1e9, load_rate=1000.0, memory_bytes=10**6)
    for method in ("dp", "modular-dp"):
        assert edgeopt.solve(instance, method).objective == len(models)


@pytest.mark.parametrize("method", ["dp", "modular-dp"])
def test_out_of_time_gives_a_plan_and_a_bound(method):
    instance = generate("tree", 40, 300, seed=3)
    best = edgeopt.solve(instance, method).objective
    solution = edgeopt.solve(instance, method, time_limit=0)
    assert solution.stopped == "time_limit"
    assert 0 < solution.objective < best < solution.bound


def test_interrupted_before_it_begins():
    interrupt = threading.Event()
    interrupt.set()
    instance = generate("tree", 40, 300, seed=3)
    outcome = solve_tree(instance, Run(interrupt=interrupt))
    assert outcome.stopped == "interrupted"
    assert edgeopt.check(instance, outcome.plan).feasible


@some_or_many(40, 150)
def test_bound_without_loading_holds(numbers):
    tight = 0
    for seed in numbers:
        instance = random_instance(seed)
        bound, best = compile_workload(instance).prefixes.users_without_loading(), optimum(instance)
        assert bound >= best
        tight += bound == best
    assert tight > len(numbers) / 8


def test_objective_does_not_depend_on_the_order_of_models():
    instance = generate("tree", 30, 150, seed=5)
    data = instance.to_dict()
    rng = np.random.default_rng(0)
    for key in ("models", "blocks"):
        names = list(data["library"][key])
        data["library"][key] = {names[at]: data["library"][key][names[at]] for at in rng.permutation(len(names))}
    shuffled = edgeopt.instance_from_dict(data)
    assert edgeopt.solve(shuffled, "dp").objective == edgeopt.solve(instance, "dp").objective

"""Baselines: the knapsack without sharing against brute force, edf and random plans under any deadlines."""

import pytest

import edgeopt
from edgeopt.loading.generator import generate
from tests.amounts import some_or_many
from tests.loading.brute_force import optimum
from tests.loading.random_instances import STRUCTURES, random_instance
from tests.loading.small import FREE, instance_of


def without_sharing(instance):
    """The same instance in which each model has blocks of its own."""
    data = instance.to_dict()
    library = data["library"]
    blocks = {f"{name}/{b}": library["blocks"][b] for name, m in library["models"].items() for b in m["blocks"]}
    for name, model in library["models"].items():
        model["blocks"] = [f"{name}/{block}" for block in model["blocks"]]
    library["blocks"] = blocks
    return type(instance).from_dict(data)


@some_or_many(6, 20)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_no_sharing_is_the_optimum_of_the_unshared_library(structure, numbers):
    for seed in numbers:
        instance = random_instance(seed, structure)
        solution = edgeopt.solve(instance, "no-sharing")
        assert solution.objective == optimum(without_sharing(instance)), instance.name
        assert solution.bound is None or solution.bound == solution.objective == 0


@some_or_many(20, 60)
@pytest.mark.parametrize("one_deadline", [True, False])
@pytest.mark.parametrize("name", ["edf", "random"])
def test_feasible_and_never_above_the_optimum(name, one_deadline, numbers):
    served = 0
    for seed in numbers:
        instance = random_instance(seed, users=6, one_deadline=one_deadline)
        value = edgeopt.solve(instance, name, seed=seed).objective
        assert value <= optimum(instance), instance.name
        served += value
    assert served > 0


@pytest.mark.parametrize("name", ["edf", "random"])
@pytest.mark.parametrize("deadlines", ["common", "individual"])
def test_nobody_left_out_could_be_added_by_the_rule(name, deadlines):
    """Users who were left out would make somebody late, in the last batch of their model or in a batch of their own."""
    instance = generate("random", 10, 60, seed=3, deadlines=deadlines)
    solution = edgeopt.solve(instance, name)
    batches = solution.plan["batches"]
    served = {user for batch in batches for user in batch["users"]}
    for user in set(instance.users) - served:
        model = instance.users[user].model
        mine = [index for index, batch in enumerate(batches) if batch["model"] == model]
        longer = [{"model": b["model"], "users": list(b["users"])} for b in batches]
        if mine:
            longer[mine[-1]]["users"].append(user)
            assert not feasible(instance, longer)
        assert not feasible(instance, [*batches, {"model": model, "users": [user]}])


def feasible(instance, batches):
    from edgeopt.loading.bandwidths import bandwidths

    users = [user for batch in batches for user in batch["users"]]
    return edgeopt.check(instance, {"batches": batches, "bandwidth_hz": bandwidths(instance, users)}).feasible


def test_edf_serves_by_deadline_then_upload():
    instance = instance_of(
        {"a": ["a"], "b": ["b"]},
        {
            "late": {"model": "a", "deadline_s": 9.0, "upload_bits": 0.0},
            "slow": {"model": "b", "deadline_s": 3.0, "upload_bits": 4.0},
            "quick": {"model": "a", "deadline_s": 3.0, "upload_bits": 0.0},
        },
        deadline_s=9.0,
        model_keys=dict.fromkeys("ab", FREE),
    )
    plan = edgeopt.solve(instance, "edf").plan
    assert plan["batches"] == [{"model": "a", "users": ["quick", "late"]}, {"model": "b", "users": ["slow"]}]


def test_edf_opens_a_batch_when_memory_is_full_and_skips_who_is_late():
    instance = instance_of(
        {"a": ["a"]},
        {
            **{f"u{number}": {"model": "a", "upload_bits": 0.0} for number in range(3)},
            "never": {"model": "a", "upload_bits": 400.0},
        },
        deadline_s=9.0,
        memory_bytes=3,
        model_keys={"a": FREE},
    )
    batches = edgeopt.solve(instance, "edf").plan["batches"]
    assert [batch["users"] for batch in batches] == [["u0", "u1"], ["u2"]]


def test_random_follows_its_seed():
    instance = generate("random", 10, 60, seed=3, deadlines="individual")
    plans = [edgeopt.solve(instance, "random", seed=seed).plan for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


@pytest.mark.parametrize("name", ["no-sharing", "edf", "random"])
def test_nobody_to_serve(name):
    solution = edgeopt.solve(instance_of({"a": ["a"]}, ["a"], deadline_s=0.5), name)
    assert (solution.objective, solution.stopped) == (0, "proved")

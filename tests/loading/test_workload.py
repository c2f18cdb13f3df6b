"""Decoupling of bandwidth and scheduling, and the serving times from which every method starts."""

from itertools import combinations
from math import inf

import numpy as np
import pytest
from scipy.optimize import linprog

import edgeopt
from edgeopt.loading.bandwidths import bandwidths
from edgeopt.loading.checker import TOLERANCE, check
from edgeopt.loading.generator import generate
from edgeopt.loading.workload import HORIZON_MARGIN, compile_workload
from tests.amounts import some_or_many
from tests.loading.brute_force import compute_s, optimum, upload_s
from tests.loading.random_instances import random_instance
from tests.loading.small import instance_of


def instances_with_uploads():
    for seed in range(60):
        instance = random_instance(seed)
        users = [name for name, user in instance.users.items() if user.upload_bits > 0]
        if users:
            yield instance, users


def test_least_upload_phase_is_the_sum_of_single_uploads():
    """With y = 1 / W, the longest y such that d_k y <= b_k e_k and sum b_k <= B is a linear program."""
    for instance, users in instances_with_uploads():
        demand = np.array(
            [instance.users[user].upload_bits / instance.users[user].spectral_efficiency for user in users]
        )
        uploads = np.hstack([demand[:, None], -np.eye(len(users))])
        total = np.concatenate([[0.0], np.ones(len(users))])
        result = linprog(
            np.concatenate([[-1.0], np.zeros(len(users))]),
            A_ub=np.vstack([uploads, total]),
            b_ub=np.concatenate([np.zeros(len(users)), [instance.bandwidth_hz]]),
        )
        assert -1 / result.fun == pytest.approx(sum(instance.upload_s(user) for user in users), rel=1e-9)
        assert -1 / result.fun == pytest.approx(float(upload_s(instance, frozenset(users))), rel=1e-9)


def test_no_split_of_the_band_beats_the_closed_form():
    rng = np.random.default_rng(0)
    for instance, users in instances_with_uploads():

        def phase(share, instance=instance, users=users):
            facts = [instance.users[user] for user in users]
            return max(f.upload_bits / (b * f.spectral_efficiency) for f, b in zip(facts, share, strict=True))

        best = bandwidths(instance, users)
        assert sum(best.values()) == pytest.approx(instance.bandwidth_hz, rel=1e-12)
        least = phase([best[user] for user in users])
        assert least == pytest.approx(sum(instance.upload_s(user) for user in users), rel=1e-12)
        for share in rng.dirichlet(np.ones(len(users)), 30):
            assert phase(share * instance.bandwidth_hz) >= least * (1 - 1e-12)


def test_bandwidths_of_users_without_upload():
    instance = instance_of({"m": ["b"]}, {"u": {"model": "m"}, "v": {"model": "m", "upload_bits": 0.0}}, 9.0)
    assert bandwidths(instance, ["u", "v"]) == {"u": 4.0}
    assert bandwidths(instance, ["v"]) == {}


@some_or_many(30, 80)
def test_serving_times_are_the_least_over_all_users_and_batches(numbers):
    """g_i(n) against every set of n users of a model, and every way to cut n into batches."""
    compared = 0
    for seed in numbers:
        instance = random_instance(seed)
        arrays = compile_workload(instance).prefixes
        for name, users, capacity, serve in zip(
            arrays.model_names, arrays.users, arrays.capacity, arrays.serve_s, strict=True
        ):
            computing = [0.0] + [inf] * len(users)
            for n in range(1, len(users) + 1):
                computing[n] = min(
                    computing[n - size] + float(compute_s(instance, name, size))
                    for size in range(1, min(n, int(capacity)) + 1)
                )
            for n, time in enumerate(serve):
                least = min(float(upload_s(instance, frozenset(chosen))) for chosen in combinations(users, n))
                assert time == pytest.approx(least + computing[n], abs=1e-12)
                compared += n > 1
    assert compared > len(numbers) / 2


@some_or_many(25, 80)
def test_tables_end_where_the_horizon_does(numbers):
    for seed in numbers:
        instance = random_instance(seed)
        arrays = compile_workload(instance).prefixes
        for index, (users, serve) in enumerate(zip(arrays.users, arrays.serve_s, strict=True)):
            assert (np.diff(serve) >= 0).all()
            assert serve[0] == 0.0
            assert len(serve) >= 2
            assert serve[-1] + arrays.model_load_s[index] <= arrays.horizon_s
            alone = arrays.plan([index], [len(serve) - 1])
            assert check(instance, alone).feasible
            if len(serve) <= len(users):
                assert not check(instance, arrays.plan([index], [len(serve)])).feasible


def test_models_that_are_left_out_can_serve_nobody():
    left_out = 0
    for seed in range(80):
        instance = random_instance(seed)
        kept = set(compile_workload(instance).prefixes.model_names)
        for name in {user.model for user in instance.users.values()} - kept:
            left_out += 1
            data = instance.to_dict()
            data["users"] = {user: facts for user, facts in data["users"].items() if facts["model"] == name}
            assert optimum(edgeopt.instance_from_dict(data)) == 0
    assert left_out > 20


def test_capacity_is_exact_in_bytes():
    huge = 2**60
    models = {"m": ["b"]}
    for free, capacity in ((2, 0), (3, 1), (5, 1), (6, 2)):
        instance = instance_of(
            models,
            ["m"] * 9,
            1e30,
            sizes={"b": huge},
            memory_bytes=huge + free,
            model_keys={"m": {"workspace_bytes_per_sample": 3}},
        )
        assert instance.capacity("m") == capacity
        assert compile_workload(instance).prefixes.capacity.tolist() == ([capacity] if capacity else [])


def test_users_come_by_upload_then_by_name():
    users = {name: {"model": "m", "upload_bits": bits} for name, bits in (("z", 1.0), ("b", 3.0), ("a", 3.0))}
    assert compile_workload(instance_of({"m": ["b"]}, users, 9.0)).prefixes.users == [["z", "a", "b"]]


def test_load_and_overlap_seconds():
    models = {"a": ["x", "y"], "b": ["x", "z"], "c": ["z"]}
    instance = instance_of(models, list("abc"), 99.0, sizes={"x": 4, "y": 1, "z": 2}, load_rate=2.0)
    arrays = compile_workload(instance).prefixes
    assert arrays.model_load_s.tolist() == [2.5, 3.0, 1.0]
    assert arrays.overlap_s.tolist() == [[0, 2, 0], [2, 0, 1], [0, 1, 0]]
    assert sorted(arrays.atom_load_s.tolist()) == [0.5, 1.0, 2.0]


def test_plan_of_order_and_counts():
    instance = instance_of({"a": ["x"], "b": ["x"]}, list("aabbbb"), 99.0, memory_bytes=3)
    plan = compile_workload(instance).prefixes.plan([1, 0], [3, 1])
    assert plan["batches"] == [
        {"model": "b", "users": ["u2", "u3"]},
        {"model": "b", "users": ["u4"]},
        {"model": "a", "users": ["u0"]},
    ]
    assert plan["bandwidth_hz"] == dict.fromkeys(["u2", "u3", "u4", "u0"], 1.0)


@pytest.mark.slow
def test_margin_lies_between_rounding_and_the_tolerance_of_the_checker():
    """Sums of 10,000 floats err by far less than the margin, and what the margin lets through passes the check."""
    instance = generate("tree", 100, 10_000, seed=1)
    arrays = compile_workload(instance).prefixes
    rounding = 10_000 * np.finfo(float).eps
    assert rounding < HORIZON_MARGIN / 10
    assert HORIZON_MARGIN + rounding < TOLERANCE
    longest = max(range(len(arrays.users)), key=lambda model: len(arrays.serve_s[model]))
    end = arrays.serve_s[longest][-1] + arrays.model_load_s[longest]
    data = instance.to_dict()
    for slack, feasible in ((0.9 * HORIZON_MARGIN, True), (10 * TOLERANCE, False)):
        for user in data["users"].values():
            user["deadline_s"] = float(end / (1 + slack))
        tight = edgeopt.instance_from_dict(data)
        assert check(tight, arrays.plan([longest], [len(arrays.serve_s[longest]) - 1])).feasible == feasible

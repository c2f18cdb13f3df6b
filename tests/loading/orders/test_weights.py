"""The dynamic programs of orders with weights: their tables by enumeration, and what they refuse."""

from __future__ import annotations

from itertools import combinations
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt
from edgeopt.loading.generator import generate
from edgeopt.loading.orders.weights import Choice, weighed
from edgeopt.loading.workload import compile_workload
from tests.loading.random_instances import random_instance
from tests.loading.weights import drawn_weights, with_weights

METHODS = edgeopt.methods("loading")


@settings(max_examples=150, deadline=None)
@given(
    users=st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.5]), st.integers(1, 4)), min_size=1, max_size=6),
    size=st.integers(2, 4),
    fixed=st.sampled_from([0.0, 1.0, 3.5]),
    sample=st.sampled_from([0.0, 0.25]),
)
def test_a_table_has_the_least_time_of_every_weight(users, size, fixed, sample):
    uploads, units = [upload for upload, _ in users], [weight for _, weight in users]
    one_batch = fixed == 0 or size >= len(users)
    choice = Choice(np.array(uploads), units, 1 if one_batch else size, fixed, sample)
    table = choice.table(np.inf)
    assert len(table) == sum(units) + 1

    def seconds(chosen):
        return sum(uploads[user] for user in chosen) + fixed * ceil(len(chosen) / size) + sample * len(chosen)

    sets = [chosen for number in range(len(users) + 1) for chosen in combinations(range(len(users)), number)]
    for entry, time in enumerate(table):
        assert time == min(seconds(chosen) for chosen in sets if sum(units[user] for user in chosen) >= entry)
        chosen = choice.users(entry) if entry else []
        assert sum(units[user] for user in chosen) >= entry
        assert seconds(chosen) == time


def test_batches_of_one_pay_their_fixed_time_for_each_user():
    found = 0
    for seed in range(300):
        instance = drawn_weights(random_instance(seed, models=3, users=6), "whole", seed)
        work = compile_workload(instance)
        for model, users in enumerate(work.users):
            if instance.weighted and work.batch[model] == 1 and len(users) > 1 and work.fixed_s[model] > 0:
                found += 1
                fixed, sample = float(work.fixed_s[model]), float(work.sample_s[model])
                assert weighed(work).choices[model].sample_s == fixed + sample
                assert weighed(work).choices[model].fixed_s == 0
    assert found


@pytest.mark.parametrize("sharing", ["tree", "backbone", "lora-towers"])
def test_larger_instances_are_solved_below_the_bound_and_above_the_search(sharing):
    instance = generate(sharing, models=10, users=60, seed=4, weights="classes")
    best = edgeopt.solve(instance, "modular-dp", threads=1)
    assert best.status == "optimal"
    assert best.objective >= edgeopt.solve(instance, "local-search", threads=1, iteration_limit=500).objective
    bound = edgeopt.solve(instance, "bound", threads=1).bound
    assert best.objective <= bound
    if sharing != "lora-towers":
        assert edgeopt.solve(instance, "dp", threads=1).objective == best.objective
        assert bound == best.objective  # an order of tree sharing loads each block once


def test_weights_of_tiny_units_are_refused():
    plain = generate("tree", models=3, users=8, seed=1)
    instance = with_weights(plain, [number + 1.00001 for number in range(len(plain.users))])
    for name in ("dp", "modular-dp"):
        reason = METHODS[name].refusal(instance)
        assert "unit of weight" in reason
        assert "'exact'" in reason
    assert edgeopt.solve(instance, threads=1).method == "exact"


@pytest.mark.parametrize("structure", ["interval", "crossing", "random", "dense"])
def test_exact_agrees_with_the_dynamic_program(structure):
    for seed in range(8500, 8506):
        plain = random_instance(seed, structure, models=7, users=12)
        instance = drawn_weights(plain, "whole", seed)
        if instance.weighted and METHODS["modular-dp"].refusal(instance) is None:
            exact, tabled = (edgeopt.solve(instance, name, threads=1) for name in ("exact", "modular-dp"))
            assert exact.status == tabled.status == "optimal", instance.name
            assert exact.objective == tabled.objective, instance.name

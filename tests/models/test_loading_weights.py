"""The formulation of loading with weights: its optimum by enumeration, what it refuses, and its file."""

from __future__ import annotations

import pytest

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.errors import UsageError
from edgeopt.exports.exporting import export
from edgeopt.loading.workload import compile_workload
from edgeopt.models import loading, loading_weights
from edgeopt.run import Run
from tests.loading.brute_force import heaviest
from tests.loading.random_instances import random_instance
from tests.loading.weights import KINDS, drawn_weights

SEEDS = range(8400, 8421)


def instances():
    for seed in SEEDS:
        instance = drawn_weights(random_instance(seed, models=4, users=5), list(KINDS)[seed % len(KINDS)], seed)
        best = heaviest(instance)
        if instance.weighted and best > 0:
            yield instance, float(best)


def test_its_optimum_is_that_of_the_instance():
    for instance, best in instances():
        solution = edgeopt.solve_formulation(instance, loading_weights.formulate(instance), threads=1)
        assert solution.objective == pytest.approx(best, rel=1e-9), instance.name
        assert solution.report.objective == pytest.approx(best, rel=1e-9), instance.name
        assert solution.status == "optimal", instance.name


def test_without_sharing_the_program_alone_is_right():
    """Nothing is cut off afterwards, so that every family of rows is needed."""
    for seed in range(8450, 8490):
        instance = drawn_weights(random_instance(seed, "none", models=3, users=6), "whole", seed)
        if instance.weighted and compile_workload(instance).models:
            program = compile_formulation(loading_weights.formulate(instance))
            found = HighsSolver(program, Run()).solve()
            assert found.objective == pytest.approx(float(heaviest(instance))), instance.name


def test_a_row_of_the_user_holds():
    instance, best = next((instance, best) for instance, best in instances() if len(instance.users) > 3)
    formulation = loading_weights.formulate(instance)
    served = edgeopt.solve_formulation(instance, formulation, threads=1)
    formulation.fewer = loading_weights.pyo.Constraint(expr=sum(formulation.x.values()) <= 1)
    fewer = edgeopt.solve_formulation(instance, formulation, threads=1)
    assert sum(len(batch["users"]) for batch in fewer.plan["batches"]) == 1
    assert fewer.objective <= served.objective == pytest.approx(best, rel=1e-9)


def test_the_formulation_that_counts_users_names_it():
    instance, _ = next(instances())
    with pytest.raises(UsageError, match=r"loading_weights\.formulate"):
        loading.formulate(instance)
    late = drawn_weights(random_instance(8402, models=3, users=5, one_deadline=False), "whole", 1)
    with pytest.raises(UsageError, match="one deadline"):
        loading_weights.formulate(late)


def test_it_is_exported():
    instance, _ = next(instances())
    files, remark = export(instance, "lp")
    assert "models/loading_weights.py" in remark
    assert "most_weight" in files[""]

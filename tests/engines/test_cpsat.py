"""CP-SAT behind the engine: right optima, and bounds that are kept without a solution."""

import threading

import numpy as np
import pytest
from ortools.sat.python import cp_model

from edgeopt.engines.cpsat import solve
from edgeopt.errors import ProgramError
from edgeopt.run import Options, Run
from edgeopt.solution import Status, Stopped


def knapsack(columns, rows, seed):
    rng = np.random.default_rng(seed)
    weight, profit = rng.integers(1, 100, (rows, columns)).tolist(), rng.integers(1, 100, columns).tolist()
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(columns)]
    for row in weight:
        model.add(sum(a * x for a, x in zip(row, chosen, strict=True)) <= sum(row) // 3)
    model.maximize(sum(p * x for p, x in zip(profit, chosen, strict=True)))
    return model, chosen, np.array(weight), np.array(profit)


def test_optimum_by_enumeration():
    for seed in range(5):
        model, chosen, weight, profit = knapsack(10, 3, seed)
        points = (np.arange(1024)[:, None] >> np.arange(10)) & 1
        feasible = (points @ weight.T <= weight.sum(1) // 3).all(axis=1)
        result = solve(model, Run())
        assert (result.status, result.stopped) == (Status.OPTIMAL, Stopped.PROVED)
        assert result.objective == result.bound == (points @ profit)[feasible].max()
        assert sum(p * result.true(x) for p, x in zip(profit, chosen, strict=True)) == result.objective


def test_infeasible_models_and_models_without_objective():
    model = cp_model.CpModel()
    x = model.new_int_var(0, 5, "x")
    model.add(x >= 2)
    result = solve(model, Run())
    assert (result.status, result.objective, result.bound) == (Status.OPTIMAL, None, None)
    assert 2 <= result.value(x) <= 5
    model.minimize(x)
    assert solve(model, Run()).objective == 2
    model.add(x >= 7)
    result = solve(model, Run())
    assert (result.status, result.stopped) == (Status.INFEASIBLE, Stopped.PROVED)
    assert result.objective is result.bound is None


def test_without_a_solution_there_is_no_objective_and_only_a_bound_that_was_told():
    """Stopped before a solution, objective and bound of CP-SAT may read 0; here they are unknown."""
    model, _, _, profit = knapsack(60, 30, 0)
    total = profit.sum()
    for settings in ({"stop_after_root_propagation": True}, {"stop_after_presolve": True}):
        result = solve(model, Run(), settings={"cp_model_presolve": False, **settings})
        assert (result.status, result.objective) == (Status.UNKNOWN, None)
        assert result.bound is None or total / 3 < result.bound <= total
    for options in (Run(Options(time_limit=0.0)), Run(Options(time_limit=0.0001))):
        result = solve(model, options)
        assert (result.status, result.stopped, result.objective) == (Status.UNKNOWN, Stopped.TIME_LIMIT, None)
        assert result.bound is None or result.bound > total / 3


@pytest.mark.parametrize("threads", [1, 2])
def test_deterministic_limits_repeat(threads):
    model, *_ = knapsack(100, 50, 1)
    runs = [solve(model, Run(Options(threads=threads, seed=4)), deterministic_limit=0.05) for _ in range(2)]
    assert runs[0].stopped == runs[1].stopped == Stopped.ITERATION_LIMIT
    assert (runs[0].objective, runs[0].bound) == (runs[1].objective, runs[1].bound)
    assert runs[0].objective < runs[0].bound


def test_interrupts_keep_incumbent_and_bound():
    model, *_ = knapsack(200, 100, 2)
    run = Run()
    reports = []

    def report(objective, bound):
        reports.append((objective, bound))
        if objective is not None:
            run.interrupt.set()

    result = solve(model, run, report=report)
    assert result.stopped == Stopped.INTERRUPTED
    assert 0 < result.objective < result.bound
    assert max(objective for objective, _ in reports if objective is not None) <= result.objective


def test_interrupts_from_another_thread():
    model, *_ = knapsack(200, 100, 3)
    run = Run()
    threading.Timer(0.5, run.interrupt.set).start()
    assert solve(model, run).stopped == Stopped.INTERRUPTED


def test_time_limits_and_gaps():
    model, *_ = knapsack(100, 50, 4)
    result = solve(model, Run(), time_limit=0.5)
    assert (result.status, result.stopped) == (Status.FEASIBLE, Stopped.TIME_LIMIT)
    result = solve(model, Run(), gap=0.5)
    assert result.objective < result.bound <= 1.5 * result.objective


def test_invalid_models_are_refused():
    model = cp_model.CpModel()
    x = model.new_int_var(0, 2**62, "x")
    model.add(2**40 * x <= 5)
    with pytest.raises(ProgramError, match="refuses the model"):
        solve(model, Run())


def test_errors_of_the_progress_display_end_the_run():
    model, *_ = knapsack(60, 30, 5)

    def broken(objective, bound):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        solve(model, Run(), report=broken)


def test_incumbents_are_told_with_their_values():
    model, chosen, weight, profit = knapsack(30, 10, 7)
    told = []

    def found(result):
        point = np.array([result.true(x) for x in chosen])
        assert point.tolist() == [bool(result.value(x)) for x in chosen]
        told.append((result.objective, point))

    result = solve(model, Run(), found=found)
    assert len(told) > 1
    for objective, point in told:
        assert (weight @ point <= weight.sum(1) // 3).all()
        assert profit @ point == objective
    objectives = [objective for objective, _ in told]
    assert objectives == sorted(set(objectives))
    assert objectives[-1] == result.objective


def test_who_is_told_an_incumbent_may_end_the_run():
    model, *_ = knapsack(120, 60, 6)
    run = Run()
    result = solve(model, run, found=lambda result: run.interrupt.set())
    assert (result.status, result.stopped) == (Status.FEASIBLE, Stopped.INTERRUPTED)

"""HiGHS behind the engine: right optima, valid bounds at every way to stop, and programs of all shapes."""

import threading
import time
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from pyomo.core import Binary, ConcreteModel, Constraint, Integers, Objective, Var, maximize, value
from scipy import optimize, sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram, compile_formulation
from edgeopt.errors import ProgramError
from edgeopt.run import Options, Run
from edgeopt.solution import Status, Stopped
from tests.amounts import some_or_many


def knapsack(columns, rows, seed, maximize=True):
    """A knapsack with many rows: hard to prove for its size."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 100, (rows, columns)).astype(float)
    profit = rng.integers(1, 100, columns).astype(float)
    ones = np.ones(columns)
    lower, upper = np.full(rows, -np.inf), np.floor(weight.sum(1) / 3)
    profit, integer = (profit if maximize else -profit), ones > 0
    return LinearProgram(profit, 0 * ones, ones, integer, sparse.csr_array(weight), lower, upper, 5.0, maximize)


def random_program(rng):
    """A small program with mixed kinds of columns, rows of all senses, an offset and either sense."""
    columns, rows = rng.integers(1, 6, 2)
    matrix = rng.integers(-3, 4, (rows, columns)) * (rng.random((rows, columns)) < 0.7)
    lower, upper = rng.integers(-2, 1, columns), rng.integers(1, 4, columns)
    reach = matrix @ rng.integers(lower, upper + 1)
    row_lower = np.where(rng.random(rows) < 0.4, -np.inf, reach - rng.integers(0, 3, rows)).astype(float)
    row_upper = np.where(rng.random(rows) < 0.4, np.inf, reach + rng.integers(0, 3, rows)).astype(float)
    if rng.random() < 0.2:
        row_lower[0] = row_upper[0] = reach[0] + 7.0  # often infeasible
    return LinearProgram(
        rng.integers(-5, 6, columns).astype(float),
        lower.astype(float),
        upper.astype(float),
        rng.random(columns) < 0.6,
        sparse.csr_array(matrix.astype(float)),
        row_lower,
        row_upper,
        float(rng.integers(-3, 4)),
        bool(rng.random() < 0.5),
    )


def reference(program, relaxed=False):
    """The optimum by scipy's interface, None when infeasible."""
    sign = -1 if program.maximize else 1
    found = optimize.milp(
        sign * program.cost,
        integrality=0 * program.integer if relaxed else program.integer,
        bounds=optimize.Bounds(program.column_lower, program.column_upper),
        constraints=optimize.LinearConstraint(program.rows, program.row_lower, program.row_upper),
    )
    return None if found.status == 2 else sign * found.fun + program.offset


def test_optima_of_random_programs():
    infeasible = 0
    for seed in range(150):
        program = random_program(np.random.default_rng(seed))
        expected = reference(program)
        result = HighsSolver(program, Run(Options(seed=seed))).solve()
        if expected is None:
            infeasible += 1
            assert (result.status, result.values, result.objective) == (Status.INFEASIBLE, None, None)
            continue
        assert (result.status, result.stopped) == (Status.OPTIMAL, Stopped.PROVED)
        assert result.objective == pytest.approx(expected, abs=1e-5)
        assert result.bound == pytest.approx(expected, abs=1e-5)
        activity = program.rows @ result.values
        assert (activity >= program.row_lower - 1e-5).all()
        assert (activity <= program.row_upper + 1e-5).all()
    assert 0 < infeasible < 75


def test_optimum_by_enumeration():
    for seed in range(10):
        program = knapsack(10, 3, seed, maximize=seed % 2 == 0)
        sign = 1 if program.maximize else -1
        points = (np.array(point) for point in product([0.0, 1.0], repeat=10))
        feasible = [point for point in points if (program.rows @ point <= program.row_upper).all()]
        best = max(sign * program.objective(point) for point in feasible)
        assert HighsSolver(program, Run()).solve().objective == pytest.approx(sign * best)


def test_relaxations_and_the_bounds_that_multipliers_prove():
    rng = np.random.default_rng(0)
    for seed in range(60):
        program = random_program(np.random.default_rng(seed))
        expected = reference(program, relaxed=True)
        result = HighsSolver(program, Run()).solve(relaxed=True)
        if expected is None:
            assert result.status == Status.INFEASIBLE
            continue
        assert result.objective == pytest.approx(expected)
        assert program.proven_bound(result.row_duals) == pytest.approx(expected)
        sign = 1 if program.maximize else -1
        for _ in range(5):
            duals = result.row_duals + rng.normal(size=len(result.row_duals))
            assert sign * program.proven_bound(duals) >= sign * expected - 1e-9


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12, 1e25])
def test_bounds_hold_in_exact_arithmetic(scale):
    """Against the Lagrangian bound in fractions: the computed one lies below it, and by no more than rounding."""
    rng = np.random.default_rng(1)
    infinite = 0
    for seed in range(60):
        program = random_program(np.random.default_rng(seed))
        program.cost, program.offset = scale * program.cost * rng.random(len(program.cost)), scale * program.offset
        duals = scale * rng.normal(size=len(program.row_lower)) * 10.0 ** rng.integers(-9, 9, len(program.row_lower))
        found, exact = program.proven_bound(duals), exact_bound(program, duals)
        if found is None or exact is None:
            infinite += 1
            assert found is None or exact is not None
            continue
        sign = -1 if program.maximize else 1
        largest = max(np.abs(duals).max(initial=0.0), np.abs(program.cost).max(initial=0.0), abs(program.offset))
        assert sign * Fraction(found) <= sign * exact
        assert sign * (exact - Fraction(found)) <= Fraction(1e-9 * largest) + Fraction(1e-300)
    assert infinite < 30


def exact_bound(program, duals):
    """The Lagrangian bound of multipliers in fractions; None: minus infinity."""
    sign = -1 if program.maximize else 1
    total, matrix = sign * Fraction(float(program.offset)), program.rows.toarray()
    multipliers = []
    for dual, lower, upper in zip((sign * duals).tolist(), program.row_lower, program.row_upper, strict=True):
        side = lower if dual > 0 else upper
        multipliers.append(Fraction(dual) if np.isfinite(side) else Fraction(0))
        if np.isfinite(side):
            total += Fraction(dual) * Fraction(float(side))
    for column, cost in enumerate((sign * program.cost).tolist()):
        reduced = Fraction(cost)
        reduced -= sum(y * Fraction(float(a)) for y, a in zip(multipliers, matrix[:, column], strict=True))
        side = program.column_lower[column] if reduced > 0 else program.column_upper[column]
        if reduced and not np.isfinite(side):
            return None
        total += reduced * Fraction(float(side)) if reduced else 0
    return sign * total


@some_or_many(2, 8)
@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("scale", [1e-12, 1e-7, 1e-3, 1e6, 1e15])
def test_the_scale_of_the_objective_does_not_matter(scale, maximize, numbers):
    for seed in numbers:
        program = knapsack(10, 3, seed, maximize=maximize)
        program.cost = program.cost + np.random.default_rng(seed).random(10)
        points = np.array(list(product([0.0, 1.0], repeat=10)))
        values = points[(points @ program.rows.toarray().T <= program.row_upper).all(axis=1)] @ program.cost
        best = scale * (values.max() if maximize else values.min())
        program.cost, program.offset = scale * program.cost, scale * program.offset
        solver = HighsSolver(program, Run(Options(seed=seed)))
        reports = []
        found = solver.solve(report=lambda *row, told=reports: told.append(row))
        assert found.objective == pytest.approx(best + program.offset, rel=1e-12)
        assert found.bound == pytest.approx(best + program.offset, rel=1e-9)
        sign = 1 if maximize else -1
        assert all(bound is None or sign * (found.objective - bound) <= 1e-9 * scale for _, bound in reports)
        relaxed = solver.solve(relaxed=True)
        assert program.proven_bound(relaxed.row_duals) == pytest.approx(relaxed.objective, rel=1e-9)
        solver.change_costs(program.cost / scale / 7)
        assert solver.solve().objective == pytest.approx(best / scale / 7, rel=1e-9)


def test_no_bound_is_proven_where_a_column_is_unbounded():
    empty = sparse.csr_array((1, 1))
    free = LinearProgram(
        np.ones(1), np.array([-np.inf]), np.zeros(1), np.zeros(1, bool), empty, np.zeros(1), np.zeros(1)
    )
    assert free.proven_bound(np.zeros(1)) is None


def test_columns_are_added_to_a_linear_program():
    solver = HighsSolver(replace(knapsack(12, 3, 0), integer=np.zeros(12, bool)), Run())
    before = solver.solve(relaxed=True).objective
    sign = 1.0 if solver.program.maximize else -1.0
    columns = sparse.csc_array(np.array([[0.0], [1e-3], [0.0]]))
    solver.add_columns(columns, np.array([sign * 7.0]), np.zeros(1), np.array([2.0]))
    after = solver.solve(relaxed=True)
    assert after.values[12] == pytest.approx(2.0)
    assert after.objective == pytest.approx(solver.program.objective(after.values))
    assert sign * (after.objective - before) == pytest.approx(14.0, rel=1e-2)
    assert sign * after.objective <= sign * solver.program.proven_bound(after.row_duals) + 1e-6


def test_rows_bounds_and_costs_change_between_solves():
    solver = HighsSolver(knapsack(12, 3, 0), Run())
    first = solver.solve()
    solver.add_rows(sparse.csr_array(np.ones((1, 12))), np.array([-np.inf]), np.array([2.0]))
    second = solver.solve(start=None)
    assert second.values.sum() == pytest.approx(2)
    assert second.objective == pytest.approx(reference(solver.program))
    assert second.objective < first.objective
    solver.change_row_bounds(3, -np.inf, 1.0)
    assert solver.solve().values.sum() == pytest.approx(1)
    solver.change_bounds([int(np.argmax(second.values))], np.zeros(1), np.zeros(1))
    assert solver.solve().objective == pytest.approx(reference(solver.program))
    solver.change_costs(np.ones(12), 3.0, maximize=False)
    assert solver.solve().objective == pytest.approx(3.0)


def test_the_caller_keeps_its_program():
    program = knapsack(12, 3, 0)
    solver = HighsSolver(program, Run())
    solver.change_bounds([0], np.zeros(1), np.zeros(1))
    solver.change_row_bounds(0, -np.inf, 0.0)
    assert program.column_upper[0] == 1
    assert program.row_upper[0] > 0


@some_or_many(1, 4)
def test_a_relaxation_first_does_not_spoil_reported_bounds(numbers):
    """From the fractional solution HiGHS would complete one, and report the bounds of that restricted search."""
    for seed in numbers:
        program = knapsack(30, 15, seed)
        solver = HighsSolver(program, Run())
        solver.solve(relaxed=True)
        reported = []
        result = solver.solve(report=lambda objective, bound: reported.append((objective, bound)))  # noqa: B023
        bounds = [bound for _, bound in reported if bound is not None]
        objectives = [objective for objective, _ in reported if objective is not None]
        assert bounds
        assert min(bounds) >= result.objective - 1e-6
        assert max(objectives) == pytest.approx(result.objective)


HARD = knapsack(70, 40, 0)


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_node_limits_repeat(threads):
    program = knapsack(40, 30, 0)
    runs = [HighsSolver(program, Run(Options(threads=threads, seed=3))).solve(node_limit=10) for _ in range(2)]
    assert [run.stopped for run in runs] == [Stopped.ITERATION_LIMIT] * 2
    assert runs[0].objective == runs[1].objective
    assert runs[0].bound == runs[1].bound > runs[0].objective
    assert (runs[0].values == runs[1].values).all()


@pytest.mark.slow
def test_time_limits_hold_for_each_solve():
    solver = HighsSolver(HARD, Run())
    for _ in range(2):
        result = solver.solve(time_limit=0.4)
        assert (result.status, result.stopped) == (Status.FEASIBLE, Stopped.TIME_LIMIT)
        assert result.objective < result.bound
    result = HighsSolver(HARD, Run(Options(time_limit=0.0))).solve()
    assert (result.status, result.stopped, result.bound) == (Status.UNKNOWN, Stopped.TIME_LIMIT, None)


def test_a_relaxation_stopped_early_has_no_bound():
    rng = np.random.default_rng(0)
    rows = sparse.csr_array(rng.random((2000, 2000)) * (rng.random((2000, 2000)) < 0.2))
    ones = np.ones(2000)
    program = LinearProgram(ones, 0 * ones, ones, ones < 0, rows, 0 * ones - np.inf, ones, maximize=True)
    result = HighsSolver(program, Run()).solve(relaxed=True, time_limit=0.05)
    assert (result.status, result.stopped) == (Status.UNKNOWN, Stopped.TIME_LIMIT)
    assert result.bound is result.objective is result.values is None


@pytest.mark.slow
def test_interrupts_keep_incumbent_and_bound_and_pass():
    run = Run()
    solver = HighsSolver(HARD, run)
    threading.Timer(0.5, run.interrupt.set).start()
    began = time.monotonic()
    result = solver.solve()
    assert time.monotonic() - began < 60
    assert result.stopped == Stopped.INTERRUPTED
    assert result.objective < result.bound
    run.interrupt.clear()
    again = solver.solve(node_limit=1)
    assert again.stopped == Stopped.ITERATION_LIMIT


def test_stops_when_it_is_enough_and_goes_on_afterwards():
    solver = HighsSolver(knapsack(40, 30, 0), Run())
    result = solver.solve(enough=lambda objective, bound: objective is not None)
    assert (result.status, result.stopped) == (Status.FEASIBLE, Stopped.FINISHED)
    assert result.values is not None
    assert solver.solve().status == Status.OPTIMAL


def test_an_error_of_the_progress_display_ends_the_run():
    def broken(objective, bound):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        HighsSolver(HARD, Run()).solve(report=broken)


def test_starts_are_taken():
    program = knapsack(40, 30, 1)
    best = HighsSolver(program, Run()).solve(node_limit=20)
    result = HighsSolver(program, Run()).solve(start=best.values + 1e-9, node_limit=0)
    assert result.objective >= best.objective - 1e-6


def test_gaps_end_the_proof():
    result = HighsSolver(HARD, Run()).solve(gap=0.5)
    assert result.status == Status.OPTIMAL
    assert result.objective < result.bound <= 1.5 * result.objective


@pytest.mark.parametrize("upper", [3.0, np.inf])
@pytest.mark.parametrize("integer", [True, False])
def test_unbounded_and_infeasible_are_told_apart(upper, integer):
    matrix = sparse.csr_array(np.array([[1.0, -1.0]]))
    kinds = np.full(2, integer)
    program = LinearProgram(
        np.ones(2), np.zeros(2), np.full(2, upper), kinds, matrix, np.array([4.0]), np.array([np.inf]), maximize=True
    )
    if upper == 3:
        assert HighsSolver(program, Run()).solve().status == Status.INFEASIBLE
    else:
        with pytest.raises(ProgramError, match="unbounded"):
            HighsSolver(program, Run()).solve()


def test_unknown_settings_are_refused():
    with pytest.raises(ProgramError, match="mip_nonsense"):
        HighsSolver(HARD, Run(), {"mip_nonsense": 1})


def test_formulations_with_ranges_offsets_fixed_and_absent_variables():
    m = ConcreteModel()
    m.x = Var([1, 2, 3], bounds=(0, 10))
    m.k = Var(domain=Integers, bounds=(-5, 5))
    m.b = Var(domain=Binary)
    m.fixed = Var(initialize=2)
    m.fixed.fix()
    m.absent = Var(bounds=(3, 8))
    m.free = Var()
    m.range = Constraint(expr=(1.5, m.x[1] + m.k + m.fixed, 4.5))
    m.equal = Constraint(expr=m.x[2] == 2 * m.b + 1)
    m.constant = Constraint(expr=m.fixed <= 3)
    m.best = Objective(expr=2 * m.x[1] + 3 * m.k - m.x[2] + 10 + m.fixed, sense=maximize)
    program = compile_formulation(m)
    assert program.rows.shape == (2, 4)
    assert program.column(m.absent) is program.column(m.fixed) is None
    assert list(program.columns(m.x)) == [1, 2]
    result = HighsSolver(program, Run()).solve()
    # k = 2.5 rounded down to 2 leaves 0.5 for x1: 1 + 6 - 1 + 12.
    assert (result.objective, result.bound) == (pytest.approx(18), pytest.approx(18))
    program.load(m, result.values)
    assert value(m.best) == pytest.approx(18)
    assert (m.absent.value, m.free.value, m.x[3].value) == (3, 0, 0)


def test_formulations_with_an_impossible_constant_row_are_infeasible():
    m = ConcreteModel()
    m.x = Var(bounds=(0, 1))
    m.impossible = Constraint(expr=0 * m.x >= 1)
    m.best = Objective(expr=m.x)
    assert HighsSolver(compile_formulation(m), Run()).solve().status == Status.INFEASIBLE


def test_formulations_without_variables_or_objective():
    m = ConcreteModel()
    m.best = Objective(expr=4.0)
    result = HighsSolver(compile_formulation(m), Run()).solve()
    assert (result.status, result.objective, result.bound) == (Status.OPTIMAL, 4.0, 4.0)
    with pytest.raises(ProgramError, match="one objective, not 0"):
        compile_formulation(ConcreteModel())


def test_issue_3043_of_highs():
    """min 2 x + 3 z, x + z >= 4.5, z integer: presolve of HiGHS 1.14.0 answers 15 instead of 9.

    The model is that of https://github.com/ERGO-Code/HiGHS/issues/3043.
    """
    m = ConcreteModel()
    m.x = Var(bounds=(0, 10))
    m.z = Var(bounds=(0, 10), domain=Integers)
    m.least = Constraint(expr=m.x + m.z >= 4.5)
    m.cost = Objective(expr=2 * m.x + 3 * m.z)
    result = HighsSolver(compile_formulation(m), Run()).solve()
    assert result.status == Status.OPTIMAL
    assert result.objective == pytest.approx(9)


@pytest.mark.parametrize(
    ("cost", "bounds", "least", "expected"),
    [
        ((1.0, 2.0), ((0, 20), (8, 20)), 20.1, 28.2),  # issue 2957
        ((100.0, 0.01), ((0, 3), (1, 3)), 1.0, 0.01),
    ],
)
def test_presolve_of_a_row_with_an_integer_and_a_continuous_column(cost, bounds, least, expected):
    m = ConcreteModel()
    m.x = Var(bounds=bounds[0], domain=Integers)
    m.y = Var(bounds=bounds[1])
    m.least = Constraint(expr=m.x + m.y >= least)
    m.cost = Objective(expr=cost[0] * m.x + cost[1] * m.y)
    assert HighsSolver(compile_formulation(m), Run()).solve().objective == pytest.approx(expected)


@pytest.mark.parametrize("maximize", [True, False])
def test_incumbents_are_told_with_their_values(maximize):
    told = []
    program = knapsack(30, 12, 2, maximize)
    result = HighsSolver(program, Run()).solve(found=told.append)
    assert len(told) > 1
    for values in told:
        assert (program.rows @ values <= program.row_upper + 1e-6).all()
        assert np.abs(values - np.round(values)).max() <= 1e-6
    objectives = [program.objective(values) for values in told]
    assert objectives == sorted(objectives, reverse=not maximize)
    assert objectives[-1] == pytest.approx(result.objective)


def test_who_is_told_an_incumbent_may_end_the_run():
    run = Run()
    result = HighsSolver(HARD, run).solve(found=lambda values: run.interrupt.set())
    assert (result.status, result.stopped) == (Status.FEASIBLE, Stopped.INTERRUPTED)

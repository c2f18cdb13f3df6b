"""Formulations are read as Pyomo's own compiler of standard forms reads them."""

import numpy as np
import pytest
from pyomo.common.errors import InfeasibleConstraintException
from pyomo.core import (
    Binary,
    ConcreteModel,
    Constraint,
    Expression,
    Integers,
    Objective,
    Param,
    SOSConstraint,
    Var,
    inequality,
    maximize,
    minimize,
    quicksum,
)
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from edgeopt.engines.linear import compile_formulation
from tests.amounts import some_or_many


def drawn(rng: np.random.Generator) -> ConcreteModel:
    """Draw a formulation of every kind of linear expression, some variables fixed."""
    m = ConcreteModel()
    m.x = Var(range(4), bounds=lambda m, i: (None, None) if i == 3 else (-i, rng.integers(1, 4)))
    m.y = Var(["a", "b"], domain=Binary)
    m.z = Var(domain=Integers, bounds=(None, 5))
    m.unused = Var()
    m.p = Param(initialize=float(rng.integers(-1, 3)), mutable=True)
    variables = [*m.x.values(), *m.y.values(), m.z]
    m.named = Expression(expr=variables[rng.integers(7)] * 2 - 1)
    for variable in variables:
        if rng.random() < 0.15:
            variable.fix(float(rng.integers(0, 2)))

    def part():
        variable, number = variables[rng.integers(len(variables))], float(rng.integers(-2, 3))
        return [
            lambda: variable,
            lambda: number * variable,
            lambda: -variable,
            lambda: number,
            lambda: m.p * variable + m.p,
            lambda: -(number * variable + 3 - m.z),
            lambda: (variable + number) / 4,
            lambda: m.named,
            lambda: 2 * (m.named + variable),
            lambda: variable - variable,
        ][rng.integers(10)]()

    def body():
        return quicksum(part() for _ in range(rng.integers(1, 4)))

    def row(m, index):
        number = float(rng.integers(-3, 4))
        expression = body() + m.x[index % 4]
        return [
            lambda: expression <= number,
            lambda: expression >= number,
            lambda: expression == number,
            lambda: expression <= body(),
            lambda: expression == part() + m.z,
            lambda: inequality(number, expression, number + rng.integers(3)),
            lambda: m.p <= expression,
            lambda: (None, expression, number),
            lambda: Constraint.Skip,
        ][rng.integers(9)]()

    m.rows = Constraint(range(rng.integers(1, 6)), rule=row)
    m.best = Objective(expr=body(), sense=[minimize, maximize][rng.integers(2)])
    return m


@some_or_many(40, 1000)
def test_every_linear_formulation_is_read_as_pyomo_reads_it(numbers: range) -> None:
    for seed in numbers:
        same_as_by_pyomo(drawn(np.random.default_rng(seed)))


def same_as_by_pyomo(m: ConcreteModel) -> None:
    """Assert that columns, rows, bounds and objective are those of Pyomo's compiler."""
    program = compile_formulation(m)
    try:
        form = LinearStandardFormCompiler().write(m, mixed_form=True)
    except InfeasibleConstraintException:
        assert not len(program.cost)
        assert (program.row_lower > 0).any()
        return
    matrix = form.A.toarray()
    filled = matrix.any(axis=1)  # Pyomo leaves rows whose factors are all zero
    kinds = np.array([row.bound_type for row in form.rows], int)
    below, above = kinds <= 0, kinds >= 0
    sides = np.array(form.rhs, float)
    if (~filled & (below & (sides > 0) | above & (sides < 0))).any():
        assert not len(program.cost)
        assert (program.row_lower > 0).any()
        return
    columns = [program.column(variable) for variable in form.columns]
    assert sorted(columns) == list(range(len(program.cost)))
    sign = -1.0 if program.maximize else 1.0
    assert np.allclose(program.cost[columns], sign * form.c.toarray().ravel())
    assert np.isclose(program.offset, sign * form.c_offset[0])
    place = {id(constraint): row for row, constraint in enumerate(program.constraints)}
    theirs = [id(row.constraint) for row, kept in zip(form.rows, filled, strict=True) if kept]
    assert list(place) == list(dict.fromkeys(theirs))
    rows = [place[each] for each in theirs]
    assert np.allclose(program.rows.toarray()[np.ix_(rows, columns)], matrix[filled])
    lower, upper = np.full(len(place), -np.inf), np.full(len(place), np.inf)
    for row, at_least, at_most, side in zip(rows, below[filled], above[filled], sides[filled], strict=True):
        lower[row], upper[row] = (side if at_least else lower[row]), (side if at_most else upper[row])
    assert np.allclose(program.row_lower, lower)
    assert np.allclose(program.row_upper, upper)


def test_what_is_not_linear_is_refused_by_name() -> None:
    m = ConcreteModel()
    m.x = Var(range(2), bounds=(0, 1))
    m.best = Objective(expr=m.x[0])
    m.product = Constraint(expr=m.x[0] * m.x[1] <= 1)
    with pytest.raises(ValueError, match="constraint product contains nonlinear"):
        compile_formulation(m)
    m.product.deactivate()
    assert compile_formulation(m).rows.shape == (0, 1)
    m.best.expr = m.x[0] ** 2
    with pytest.raises(ValueError, match="objective best contains nonlinear"):
        compile_formulation(m)
    m.best.expr = m.x[0]
    m.one = SOSConstraint(var=m.x, sos=1)
    with pytest.raises(ValueError, match="'one' is a SOSConstraint"):
        compile_formulation(m)

"""Linear programs with integer variables in arrays, and how a Pyomo formulation becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.errors import ProgramError

Vector = NDArray[np.float64]

UNIT_ROUNDOFF = 2.0**-52  # twice that of a rounded operation, so that terms of second order are covered


@dataclass
class LinearProgram:
    """Minimise or maximise ``cost @ x + offset`` over ``row_lower <= rows @ x <= row_upper`` and bounds on x.

    Attributes
    ----------
    cost : numpy.ndarray, shape (columns,)
    column_lower, column_upper : numpy.ndarray, shape (columns,)
        Infinite where there is no bound.
    integer : numpy.ndarray of bool, shape (columns,)
    rows : scipy.sparse.csr_array, shape (rows, columns)
    row_lower, row_upper : numpy.ndarray, shape (rows,)
    offset : float
    maximize : bool
    variables, constraints : list
        The Pyomo variables of the columns and constraints of the rows; empty when the program was not made from a
        formulation.
    """

    cost: Vector
    column_lower: Vector
    column_upper: Vector
    integer: NDArray[np.bool_]
    rows: sparse.csr_array
    row_lower: Vector
    row_upper: Vector
    offset: float = 0.0
    maximize: bool = False
    variables: Sequence[Any] = field(default=(), repr=False)
    constraints: Sequence[Any] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        self._column = {id(variable): index for index, variable in enumerate(self.variables)}
        self._by_column: Any = None

    def column(self, variable: Any) -> int | None:
        """Return the column of a Pyomo variable; None when it is fixed or occurs nowhere."""
        return self._column.get(id(variable))

    def columns(self, indexed: Any) -> dict[Any, int]:
        """Return the columns of an indexed Pyomo variable by index, without those that are fixed or occur nowhere."""
        pairs = ((index, self._column.get(id(variable))) for index, variable in indexed.items())
        return {index: column for index, column in pairs if column is not None}

    def with_rows(self, rows: sparse.csr_array, lower: Vector, upper: Vector) -> LinearProgram:
        """Return the program with further rows."""
        return replace(
            self,
            rows=sparse.csr_array(sparse.vstack([self.rows, rows])),
            row_lower=np.concatenate([self.row_lower, lower]),
            row_upper=np.concatenate([self.row_upper, upper]),
        )

    def with_columns(self, columns: sparse.csc_array, cost: Vector, lower: Vector, upper: Vector) -> LinearProgram:
        """Return the program with further continuous columns, which no formulation has."""
        return replace(
            self,
            cost=np.concatenate([self.cost, cost]),
            column_lower=np.concatenate([self.column_lower, lower]),
            column_upper=np.concatenate([self.column_upper, upper]),
            integer=np.concatenate([self.integer, np.zeros(len(cost), np.bool_)]),
            rows=sparse.csr_array(sparse.hstack([self.rows, columns])),
        )

    def proven_bound(self, row_duals: Vector) -> float | None:
        """Return a bound on the relaxation's optimum that the multipliers of the rows prove; None: none.

        The Lagrangian bound: each column takes its best value in its bounds at the reduced costs. It holds however
        inexact the multipliers are (Neumaier and Shcherbina, Mathematical Programming 99, 2004), and in exact
        arithmetic: a limit of what was rounded on the way (Higham, Accuracy and Stability, section 3.1) is taken off.

        Parameters
        ----------
        row_duals : numpy.ndarray, shape (rows,)
            Any multipliers; those of the solved relaxation give the best bound.
        """
        sign = -1.0 if self.maximize else 1.0  # as a minimisation
        duals = sign * np.nan_to_num(row_duals, nan=0.0, posinf=0.0, neginf=0.0)
        absent = (duals > 0) & np.isneginf(self.row_lower) | (duals < 0) & np.isposinf(self.row_upper)
        duals = np.where(absent, 0.0, duals)
        sides = np.where(duals > 0, self.row_lower, np.where(duals < 0, self.row_upper, 0.0))
        reduced = sign * self.cost - duals @ self.rows
        terms = np.bincount(self.rows.indices, minlength=len(self.cost)) + 2
        error = terms * UNIT_ROUNDOFF * (np.abs(self.cost) + np.abs(duals) @ abs(self.rows))
        doubtful = (np.abs(reduced) <= error) & (np.isneginf(self.column_lower) | np.isposinf(self.column_upper))
        for column in np.flatnonzero(doubtful & (error > 0)):
            reduced[column], error[column] = self._exact_reduced_cost(int(column), sign, duals)
        with np.errstate(invalid="ignore"):
            at_lower, at_upper = (
                np.where((reduced == 0) & (error == 0), 0.0, reduced * bound - error * np.abs(bound))
                for bound in (self.column_lower, self.column_upper)
            )
            columns = np.where(
                reduced > error, at_lower, np.where(reduced < -error, at_upper, np.minimum(at_lower, at_upper))
            )
        products = duals * sides
        parts = np.concatenate([products, columns, [sign * self.offset]])
        if not np.isfinite(parts).all():
            return None
        lost = 4 * UNIT_ROUNDOFF * fsum(np.abs(parts)) + len(parts) * float(np.finfo(np.float64).tiny)
        return sign * (fsum(parts) - lost)

    def _exact_reduced_cost(self, column: int, sign: float, duals: Vector) -> tuple[float, float]:
        """Return the reduced cost of a column, rounded once, and a limit of that rounding; 0 only where it is 0."""
        if self._by_column is None:
            self._by_column = sparse.csc_array(self.rows)
        first, last = self._by_column.indptr[column : column + 2]
        rows, values = self._by_column.indices[first:last], self._by_column.data[first:last]
        exact = Fraction(sign * float(self.cost[column]))
        exact -= sum(Fraction(float(duals[row])) * Fraction(float(a)) for row, a in zip(rows, values, strict=True))
        return float(exact), UNIT_ROUNDOFF * abs(float(exact))

    def objective(self, values: Vector) -> float:
        """Return the value of the objective at a point."""
        return float(self.cost @ values) + self.offset

    def load(self, formulation: Any, values: Vector) -> None:
        """Set the values of a formulation's variables; those that occur nowhere take the value nearest to zero."""
        from pyomo.core import Var

        for variable in formulation.component_data_objects(Var):
            column = self._column.get(id(variable))
            if column is not None:
                variable.set_value(float(values[column]), skip_validation=True)
            elif not variable.fixed:
                lower = variable.lb if variable.lb is not None else -np.inf
                upper = variable.ub if variable.ub is not None else np.inf
                variable.set_value(float(np.clip(0.0, lower, upper)), skip_validation=True)


def compile_formulation(formulation: Any) -> LinearProgram:
    """Turn a linear Pyomo formulation with one objective into arrays.

    Parameters
    ----------
    formulation : pyomo.environ.ConcreteModel
        Fixed variables become constants; variables that occur nowhere get no column.

    Raises
    ------
    ProgramError
        The formulation has no objective or more than one.
    """
    from pyomo.common.gc_manager import PauseGC
    from pyomo.core import minimize

    from edgeopt.engines.standard_form import standard_form

    with PauseGC():
        form = standard_form(formulation)
        if not form.holds:
            return _infeasible_program()
        if len(form.objectives) != 1:
            raise ProgramError(f"a formulation needs one objective, not {len(form.objectives)}")
        bounds = np.array([variable.bounds for variable in form.variables], dtype=np.float64).reshape(-1, 2)
        return LinearProgram(
            cost=form.costs.toarray().ravel(),
            column_lower=np.where(np.isnan(bounds[:, 0]), -np.inf, bounds[:, 0]),
            column_upper=np.where(np.isnan(bounds[:, 1]), np.inf, bounds[:, 1]),
            integer=np.array([variable.is_integer() for variable in form.variables], dtype=np.bool_),
            rows=form.rows,
            row_lower=form.lower,
            row_upper=form.upper,
            offset=form.offsets[0],
            maximize=form.objectives[0].sense != minimize,
            variables=form.variables,
            constraints=form.constraints,
        )


def _infeasible_program() -> LinearProgram:
    """Return a program without columns whose one row cannot hold, for a formulation with an impossible constant row."""
    empty = np.empty(0)
    rows = sparse.csr_array((1, 0), dtype=np.float64)
    return LinearProgram(empty, empty, empty, np.empty(0, np.bool_), rows, np.ones(1), np.ones(1))

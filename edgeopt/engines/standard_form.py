"""From the expressions of a Pyomo formulation to the entries of a matrix, without Pyomo's general visitor.

Formulations consist of sums of variables with factors, which are read here directly. What else there is (expressions
with names, products of sums) goes to `generate_standard_repn` of Pyomo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyomo.common.errors import InvalidConstraintError, InvalidExpressionError
from pyomo.common.numeric_types import native_numeric_types
from pyomo.core import (
    Block,
    Constraint,
    Expression,
    ExternalFunction,
    Objective,
    Param,
    RangeSet,
    Set,
    Suffix,
    Var,
    value,
)
from pyomo.core.base.component import SortComponents
from pyomo.core.expr.numeric_expr import LinearExpression, MonomialTermExpression, NegationExpression, SumExpression
from pyomo.core.expr.relational_expr import EqualityExpression, RangedExpression
from pyomo.network import Port
from pyomo.repn.standard_repn import generate_standard_repn
from scipy import sparse

READ = {Block, Constraint, Expression, ExternalFunction, Objective, Param, Port, RangeSet, Set, Suffix, Var}
SUMS = {SumExpression, LinearExpression}
FIXED = -1  # the place of a fixed variable

_variables: set[type] = set()  # classes of variables that were met


class StandardForm(NamedTuple):
    """Objectives and rows of a formulation, ``lower <= rows @ x <= upper``, over the variables that occur.

    Attributes
    ----------
    objectives : list
        The active objectives of Pyomo.
    costs : scipy.sparse.csr_array, shape (objectives, columns)
    offsets : list of float
        Constants of the objectives.
    rows : scipy.sparse.csr_array, shape (rows, columns)
    lower, upper : numpy.ndarray, shape (rows,)
        Infinite where there is no bound.
    variables, constraints : list
        Of the columns and rows.
    holds : bool
        False: a constraint without variables is broken.
    """

    objectives: list[Any]
    costs: sparse.csr_array
    offsets: list[float]
    rows: sparse.csr_array
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    variables: list[Any]
    constraints: list[Any]
    holds: bool


def standard_form(formulation: Any) -> StandardForm:
    """Read a linear Pyomo formulation.

    Raises
    ------
    ValueError
        An objective or constraint is not linear, or the formulation has components of other kinds.
    """
    _require_known(formulation)
    terms = _Terms()
    objectives = list(_active(formulation, Objective))
    offsets = [terms.add_row(objective.expr, objective) for objective in objectives]
    constraints, lower, upper = [], [], []
    for constraint in _active(formulation, Constraint):
        bounds = _add_constraint(terms, constraint)
        if bounds is not None:
            constraints.append(constraint)
            lower.append(bounds[0])
            upper.append(bounds[1])
    matrix = terms.matrix()
    used = np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0
    if not used.all():
        matrix = matrix[:, used]
    costs, rows = matrix[: len(objectives)], matrix[len(objectives) :]
    least, most = np.array(lower, np.float64), np.array(upper, np.float64)
    filled = np.diff(rows.indptr) > 0
    holds = bool((filled | (least <= 0) & (most >= 0)).all())
    if not filled.all():
        rows, least, most = rows[filled], least[filled], most[filled]
        constraints = [constraint for constraint, kept in zip(constraints, filled.tolist(), strict=True) if kept]
    variables = [variable for variable, kept in zip(terms.variables, used.tolist(), strict=True) if kept]
    return StandardForm(objectives, costs, offsets, rows, least, most, variables, constraints, holds)


def _require_known(formulation: Any) -> None:
    for component in formulation.component_objects(active=True):
        if component.ctype not in READ:
            raise ValueError(f"{component.name!r} is a {component.ctype.__name__}, which no linear program has")


def _active(formulation: Any, kind: Any) -> Any:
    return formulation.component_data_objects(kind, active=True, sort=SortComponents.ORDERED_INDICES)


def _add_constraint(terms: _Terms, constraint: Any) -> tuple[float, float] | None:
    """Add a constraint's row and return its bounds, without the constants of its expression; None: it has no bounds."""
    expression = constraint.expr
    if expression is None:
        return None
    if expression.__class__ is RangedExpression:
        lower, body, upper = constraint.to_bounded_expression()
    else:
        left, right = expression.args
        equal = expression.__class__ is EqualityExpression
        if not _varies(right):
            lower, body, upper = right if equal else None, left, right
        elif not _varies(left):
            lower, body, upper = left, right, left if equal else None
        else:
            constant = terms.add_row(left, constraint, minus=right)
            return -constant if equal else -np.inf, -constant
    if lower is None and upper is None:
        return None
    constant = terms.add_row(body, constraint)
    return (
        -np.inf if lower is None else float(value(lower)) - constant,
        np.inf if upper is None else float(value(upper)) - constant,
    )


def _is_variable(part: Any) -> bool:
    """Whether a part of an expression is a variable; its class is remembered."""
    found = part.__class__ in _variables
    if not found and part.__class__ not in native_numeric_types:
        found = not part.is_expression_type() and part.is_variable_type()
        if found:
            _variables.add(part.__class__)
    return found


def _varies(part: Any) -> bool:
    """Whether an expression may have variables, fixed ones included."""
    return _is_variable(part) or (part.__class__ not in native_numeric_types and part.is_potentially_variable())


class _Terms:
    """The entries of a matrix, row by row.

    Attributes
    ----------
    variables : list
        Unfixed variables in the order in which they, or others of the same component, were first seen.
    """

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self._place: dict[int, int] = {}
        self._columns: list[int] = []
        self._factors: list[float] = []
        self._ends = [0]

    def add_row(self, expression: Any, of: Any, minus: Any = None) -> float:
        """Add the row of a linear expression, less another one; return its constant."""
        constant = self._add(expression, 1.0, of)
        if minus is not None:
            constant += self._add(minus, -1.0, of)
        self._ends.append(len(self._columns))
        return constant

    def matrix(self) -> sparse.csr_array:
        """Return all rows."""
        matrix = sparse.csr_array(
            (np.array(self._factors, np.float64), np.array(self._columns, np.int32), np.array(self._ends, np.int32)),
            shape=(len(self._ends) - 1, len(self.variables)),
        )
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def _add(self, expression: Any, factor: float, of: Any) -> float:
        """Add the terms of an expression times a factor; return its constant times the factor."""
        constant = 0.0
        parts: Sequence[Any] = expression.args if expression.__class__ in SUMS else (expression,)
        place, columns, factors = self._place, self._columns, self._factors
        for part in parts:
            kind = part.__class__
            if kind is MonomialTermExpression:
                coefficient, variable = part.args
                if coefficient.__class__ not in native_numeric_types:
                    coefficient = value(coefficient)
            elif kind in _variables or _is_variable(part):
                coefficient, variable = 1.0, part
            else:
                constant += self._add_other(part, factor, of)
                continue
            column = place.get(id(variable))
            if column is None:
                column = self._placed(variable)
            if column == FIXED:
                constant += factor * coefficient * value(variable)
            else:
                columns.append(column)
                factors.append(factor * coefficient)
        return constant

    def _add_other(self, expression: Any, factor: float, of: Any) -> float:
        if expression.__class__ in native_numeric_types:
            return factor * float(expression)
        if expression.__class__ is NegationExpression:
            return self._add(expression.args[0], -factor, of)
        if expression.__class__ in SUMS:
            return self._add(expression, factor, of)
        form = generate_standard_repn(expression, compute_values=True, quadratic=False)
        if form.nonlinear_expr is not None:
            kind, error = ("objective", InvalidExpressionError)
            if of.ctype is Constraint:
                kind, error = ("constraint", InvalidConstraintError)
            raise error(f"the {kind} {of.name} contains nonlinear terms")
        for coefficient, variable in zip(form.linear_coefs, form.linear_vars, strict=True):
            column = self._place.get(id(variable))
            self._columns.append(self._placed(variable) if column is None else column)
            self._factors.append(factor * coefficient)
        return factor * float(form.constant)

    def _placed(self, variable: Any) -> int:
        """Number the variables of a component, and return the number of one; -1: it is fixed."""
        for each in variable.parent_component().values(SortComponents.ORDERED_INDICES):
            if each.fixed:
                self._place[id(each)] = FIXED
            elif id(each) not in self._place:
                self._place[id(each)] = len(self.variables)
                self.variables.append(each)
        return self._place[id(variable)]

"""The step from a nonlinear to a linear integer formulation: products of binaries become variables.

A product of literals, each a binary x or its complement 1 - x, is a new variable u between 0 and 1 with

    u <= l              for every literal l of the product,
    u >= sum of l - (number of literals - 1),

which leave no value but the product's own where all x are binary (Fortet 1960; Glover and Woolsey 1974). Where u
occurs with only one sign, one of the two sides is enough: the optimum presses u against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import pyomo.environ as pyo
from pyomo.core.base.expression import NamedExpressionData
from pyomo.core.base.transformation import Transformation
from pyomo.core.expr import numeric_expr as nodes

from edgeopt.errors import UsageError
from edgeopt.models.polynomials import Literal, Polynomial, constant_of, factors_of, possible, whole_power

NAME = "edgeopt.linearize_products"
MOST_TERMS = 100_000


def linearize_products(model: Any, *, both_sides: bool = False, in_place: bool = False) -> Any:
    """Return a copy of a Pyomo model in which every product of binaries and complements is linear.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Any model; sums, products, differences, quotients by constants and integer powers of binary variables are
        rewritten wherever they stand in active constraints and objectives. What is not a product of binaries (other
        functions, products with continuous variables) is left as it is.
    both_sides : bool
        Give every new variable both sides of its definition, so that it equals its product in every feasible point,
        not only in an optimal one.
    in_place : bool
        Change the model itself. Pyomo copies products of more than about a hundred factors very slowly.

    Returns
    -------
    pyomo.environ.ConcreteModel
        With a block ``linearized_products`` that holds the new variables and rows; the variables of the given model
        keep their names.

    Raises
    ------
    UsageError
        An expression has too many terms when multiplied out, or the model was linearized before.
    """
    transformation = pyo.TransformationFactory(NAME)
    if not in_place:
        return transformation.create_using(model, both_sides=both_sides)
    transformation.apply_to(model, both_sides=both_sides)
    return model


@pyo.TransformationFactory.register(NAME, doc="Make products of binary variables and their complements linear.")
class LinearizeProducts(Transformation):
    """The transformation behind `linearize_products`, for use through Pyomo's ``TransformationFactory``."""

    def _apply_to(self, model: Any, both_sides: bool = False, **_: Any) -> None:
        if model.component("linearized_products") is not None:
            raise UsageError("the model has a component 'linearized_products' already")
        _Linearization(model, both_sides).apply()


class _Linearization:
    def __init__(self, model: Any, both_sides: bool) -> None:
        self.model, self.both_sides = model, both_sides
        self.multiplied = False  # whether the expression at hand has a product of variables
        self.numbers: dict[int, int] = {}  # of variables by id, as they occur: rows come in the same order always
        self.variables: list[Any] = []
        self.products: dict[frozenset[Literal], Any] = {}
        self.sides: dict[frozenset[Literal], set[str]] = {}

    def apply(self) -> None:
        block = self.block = pyo.Block(doc="products of binaries, and what makes them products")
        self.model.add_component("linearized_products", block)
        block.u = pyo.VarList(domain=pyo.NonNegativeReals, bounds=(0, 1), doc="a product of literals; 0 or 1")
        block.at_most = pyo.ConstraintList(doc="a product is at most each of its literals; 0 or 1")
        block.at_least = pyo.ConstraintList(doc="a product is 1 if all its literals are; literals")
        for objective in list(self.model.component_data_objects(pyo.Objective, active=True)):
            sides = {"at_least"} if objective.is_minimizing() else {"at_most"}
            expression = self._rewritten(objective.expr, sides)
            if expression is not None:
                objective.set_value(expression)
        for constraint in list(self.model.component_data_objects(pyo.Constraint, active=True)):
            sides = {"at_least"} if constraint.upper is not None else set()
            sides |= {"at_most"} if constraint.lower is not None else set()
            expression = self._rewritten(constraint.body, sides)
            if expression is not None:
                constraint.set_value((constraint.lower, expression, constraint.upper))
        for literals, sides in self.sides.items():
            self._define(literals, {"at_least", "at_most"} if self.both_sides else sides)

    def _rewritten(self, expression: Any, sides: set[str]) -> Any:
        """The expression with new variables for its products; None when it has none.

        `sides` says on which side a product with a positive coefficient must be held.
        """
        self.multiplied = False
        polynomial = self._polynomial(expression)
        if not self.multiplied:
            return None
        terms = {literals: coefficient for literals, coefficient in polynomial.terms.items() if coefficient != 0.0}
        other = {"at_least": "at_most", "at_most": "at_least"}
        parts = list(polynomial.kept)
        for literals, coefficient in terms.items():
            if len(literals) > 1:
                if literals not in self.products:
                    self.products[literals] = self.block.u.add()
                held = sides if coefficient > 0 else {other[side] for side in sides}
                self.sides.setdefault(literals, set()).update(held)
                parts.append(coefficient * self.products[literals])
            else:
                parts.append(coefficient * prod(map(self._literal, literals)))
        return nodes.SumExpression([*parts, 0.0])

    def _define(self, literals: frozenset[Literal], sides: set[str]) -> None:
        product, members = self.products[literals], [self._literal(literal) for literal in sorted(literals)]
        if "at_most" in sides:
            for member in members:
                self.block.at_most.add(product <= member)
        if "at_least" in sides:
            self.block.at_least.add(product >= nodes.SumExpression(members) - (len(members) - 1))

    def _literal(self, literal: Literal) -> Any:
        variable = self.variables[literal[0]]
        return variable if literal[1] else 1 - variable

    def _polynomial(self, expression: Any) -> Polynomial:
        found = Polynomial()
        constant = constant_of(expression)
        if constant is not None:
            found.add(frozenset(), constant)
        elif not expression.is_expression_type():
            if expression.domain is pyo.Binary or (expression.is_integer() and expression.bounds == (0, 1)):
                number = self.numbers.setdefault(id(expression), len(self.variables))
                if number == len(self.variables):
                    self.variables.append(expression)
                found.add(frozenset([(number, True)]), 1.0)
            else:
                found.kept.append(expression)
        elif isinstance(expression, NamedExpressionData):
            return self._polynomial(expression.expr)
        elif isinstance(expression, nodes.SumExpression):
            for argument in expression.args:
                self._accumulate(found, self._polynomial(argument), 1.0)
        elif isinstance(expression, nodes.NegationExpression):
            self._accumulate(found, self._polynomial(expression.args[0]), -1.0)
        elif isinstance(expression, nodes.DivisionExpression) and constant_of(expression.args[1]):
            self._accumulate(found, self._polynomial(expression.args[0]), 1 / (constant_of(expression.args[1]) or 1.0))
        elif isinstance(expression, nodes.ProductExpression):
            return self._product(expression, factors_of(expression))
        elif isinstance(expression, nodes.PowExpression) and whole_power(expression) is not None:
            return self._product(expression, [expression.args[0]] * (whole_power(expression) or 1))
        else:
            found.kept.append(expression)
        return found

    @staticmethod
    def _accumulate(total: Polynomial, part: Polynomial, factor: float) -> None:
        for literals, coefficient in part.terms.items():
            total.add(literals, factor * coefficient)
        total.kept.extend(part.kept if factor == 1.0 else [factor * kept for kept in part.kept])

    def _product(self, expression: Any, factors: Iterable[Any]) -> Polynomial:
        """Multiply; single products are merged at once, sums are multiplied out, anything else is kept."""
        coefficient, literals, sums = 1.0, [], []
        kept: Polynomial | None = None
        polynomials = [self._polynomial(factor) for factor in factors]
        variable = [
            polynomial for polynomial in polynomials if polynomial.kept or set(polynomial.terms) - {frozenset()}
        ]
        self.multiplied |= len(variable) > 1
        for polynomial in polynomials:
            single = polynomial.factor()
            if single is not None:
                coefficient *= single[0]
                literals.append(single[1])
            elif polynomial.kept and kept is None and not polynomial.terms:
                kept = polynomial
            elif polynomial.kept:
                return Polynomial(kept=[expression])
            else:
                sums.append(polynomial)
        merged = frozenset().union(*literals)
        if kept is not None:
            constant = not merged and not sums
            return Polynomial(kept=[coefficient * part for part in kept.kept] if constant else [expression])
        result = Polynomial({merged: coefficient} if possible(merged) else {})
        for factor in sums:
            if len(result.terms) * len(factor.terms) > MOST_TERMS:
                raise UsageError(f"a product has more than {MOST_TERMS} terms when multiplied out")
            product = Polynomial()
            for left, a in result.terms.items():
                for right, b in factor.terms.items():
                    if possible(left | right):
                        product.add(left | right, a * b)
            result = product
        return result

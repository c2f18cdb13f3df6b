"""Sums of products of binary variables and their complements, as `edgeopt.linearize_products` reads expressions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyomo.environ as pyo
from pyomo.core.base.expression import NamedExpressionData
from pyomo.core.expr import numeric_expr as nodes

Literal = tuple[int, bool]  # number of a binary variable, and whether it is the variable itself or its complement


@dataclass
class Polynomial:
    """A sum of coefficients times products of literals, and of parts that are kept as they are.

    Attributes
    ----------
    terms : dict of frozenset of Literal to float
        The empty product is the constant.
    kept : list of expressions
        Continuous variables and whatever is no product of binaries.
    """

    terms: dict[frozenset[Literal], float] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)

    def add(self, literals: frozenset[Literal], coefficient: float) -> None:
        """Add a coefficient times a product."""
        self.terms[literals] = self.terms.get(literals, 0.0) + coefficient

    def factor(self) -> tuple[float, frozenset[Literal]] | None:
        """The coefficient and literals when this is one product; a * (1 - x) counts as one."""
        terms = {literals: coefficient for literals, coefficient in self.terms.items() if coefficient != 0.0}
        if self.kept:
            return None
        if not terms:
            return 0.0, frozenset()
        if len(terms) == 1:
            ((literals, coefficient),) = terms.items()
            return coefficient, literals
        constant = terms.pop(frozenset(), None)
        if constant is None or len(terms) != 1:
            return None
        ((literals, coefficient),) = terms.items()
        if coefficient != -constant or len(literals) != 1:
            return None
        ((variable, positive),) = literals
        return constant, frozenset([(variable, not positive)])


def constant_of(expression: Any) -> float | None:
    """The value of what holds no free variable; None otherwise."""
    if isinstance(expression, int | float):
        return float(expression)
    fixed = not expression.is_potentially_variable() or (expression.is_variable_type() and expression.fixed)
    return float(pyo.value(expression)) if fixed else None


def possible(literals: frozenset[Literal]) -> bool:
    """A variable and its complement multiply to nothing."""
    return len({variable for variable, _ in literals}) == len(literals)


def factors_of(expression: Any) -> list[Any]:
    """The factors of nested products, without recursion: long products are nested deeply."""
    found, waiting = [], [expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.ProductExpression):
            waiting.extend(reversed(node.args))
        elif isinstance(node, NamedExpressionData) and isinstance(node.expr, nodes.ProductExpression):
            waiting.append(node.expr)
        else:
            found.append(node)
    return found


def whole_power(expression: Any) -> int | None:
    """The exponent of a power when it is a small positive whole number."""
    exponent = constant_of(expression.args[1])
    return int(exponent) if exponent is not None and exponent == int(exponent) and 1 <= exponent <= 20 else None

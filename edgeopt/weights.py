"""Weights of what may be served, and their sums: whole numbers stay whole."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, ValidatorFunctionWrapHandler, WrapValidator

from edgeopt.record import NonNegative

# Sums of whole weights up to here are exact in double precision, so bounds on them may be rounded.
LARGEST_WHOLE_TOTAL: Final = 2**50


def _whole_numbers_stay(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    checked = check(value)
    return value if isinstance(value, int) else checked


# An integer is kept as one, so that weights that are whole numbers add up to one.
Weight = Annotated[
    NonNegative,
    WrapValidator(_whole_numbers_stay),
    PlainSerializer(lambda weight: weight, return_type=int | float),
]


def whole(weights: Iterable[float]) -> bool:
    """Say whether all weights are whole numbers whose sum is exact, so that bounds on sums of them may be rounded."""
    total = 0
    for weight in weights:
        if weight != int(weight):
            return False
        total += int(weight)
    return total <= LARGEST_WHOLE_TOTAL


def total_weight(weights: Iterable[float]) -> int | float:
    """Return the sum of weights, rounded once; a whole number where all are."""
    listed = list(weights)
    if all(weight == int(weight) for weight in listed):
        return sum(map(int, listed))
    return fsum(listed)

"""Rows that every placement keeps and the relaxation does not, collected for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SMALLEST = 1e-7  # of a row's largest coefficient; HiGHS would take a coefficient below 1e-9 for zero


class Cut(NamedTuple):
    """The row ``coefficients @ x[columns] <= most``."""

    columns: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    most: float


def rows_of(cuts: Sequence[Cut], columns: int) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return the cuts as rows of a program with so many columns, and what they are at most."""
    starts = np.cumsum([0, *(len(cut.columns) for cut in cuts)])
    places = np.concatenate([np.empty(0, np.int64), *(cut.columns for cut in cuts)])
    values = np.concatenate([np.empty(0), *(cut.coefficients for cut in cuts)])
    return sparse.csr_array((values, places, starts), shape=(len(cuts), columns)), np.array([cut.most for cut in cuts])


def to_one(size: float) -> float:
    """Return the power of two that brings a size to between 1/2 and 1: to multiply by it rounds nothing."""
    return float(2.0 ** -np.frexp(size)[1])

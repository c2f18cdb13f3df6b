r"""A semidefinite bound on the set-union knapsack problem, seen from the elements that are left out.

Let z_e = 1 where element e is left out, x_i = 1 where item i is chosen, and Y = u u^T for u = (1, z, x). Then

    Y is positive semidefinite and has no negative entry,
    Y_jj = Y_0j,    Y_ie = 0 for an element e of item i,
    (w z - D) (w z - D - o) <= 0,   which is linear in Y,
    D x_i <= sum_e w_e Y_ie <= (D + o) x_i,

where elements of weight D must be left out. The last rows hold with o = max w - 1 for whole weights: what is left out
may be taken to be minimal, and then it weighs less than D and one more of its elements. The greatest p x over all
such Y is a theta function (Lovász 1979) with a few rows more. It is approached by the method of multipliers, which
projects in turn on the semidefinite matrices and on the others (Wen, Goldfarb and Yin 2010). Whatever multipliers it
has reached prove a bound: what they lack is made up by a multiple of a diagonal, and the diagonal of Y is bounded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from edgeopt.engines.linear import UNIT_ROUNDOFF
from edgeopt.placement.item_rows import ItemRows

RELAXED = 1.6  # over-relaxation of the method of multipliers
FIRST_PENALTY = 15.0  # times the norm of the objective over that of the first matrix
RETUNED_AFTER = 50  # iterations between two looks at the penalty
RETUNED_BY, BALANCED = 1.6, 4.0  # its step, and the ratio of the residuals that needs none
ROOT_STEPS = 8  # of the search for its price
LEAST_SHARE = 1e-3  # of all profit, above which what is chosen is bounded where its trace is
EVEN = 0.1  # of the diagonal, added in even parts
PRECISE = 1e-7  # how far the row may be broken

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]
Vector = NDArray[np.float64]


class SemidefiniteBound:
    """A bound on the profit of the items that can be chosen, which falls as the method runs on.

    Parameters
    ----------
    profit : numpy.ndarray, shape (items,)
        Positive.
    incidence : numpy.ndarray of bool, shape (items, elements)
        Every item needs an element.
    weight : numpy.ndarray of int64, shape (elements,)
    need : int
        Weight to leave out; positive, and no more than all weight.
    excess : int
        What is left out may be taken to weigh at most `need + excess`.

    Attributes
    ----------
    bound : float
        Proven; the sum of the profits before the first look.
    matrix, multipliers : numpy.ndarray, shape (1 + elements + items, 1 + elements + items)
        The nearly feasible matrix, and the scaled multipliers of the agreement of both projections.
        They are of single precision; what they prove is computed in double precision.
    scale : float
        The first row and column of both are multiplied by it, so that they weigh as much as the others.
    penalty : float
    """

    def __init__(
        self,
        profit: Vector,
        incidence: NDArray[np.bool_],
        weight: NDArray[np.int64],
        need: int,
        excess: int,
    ) -> None:
        items, elements = incidence.shape
        self._total = float(profit.sum())
        self._profit = profit / self._total
        all_weight = float(weight.sum())
        self._weight, self._need, self._excess = weight / all_weight, need / all_weight, excess / all_weight
        self._apart = np.zeros((1 + elements + items,) * 2, np.bool_)
        self._apart[1 + elements :, 1 : 1 + elements] = incidence
        self._apart |= self._apart.T
        self.bound, self._iteration = self._total, 0
        self.scale = float(np.sqrt(max(1.0, elements * self._need / 2)))
        self._together = (~self._apart).astype(np.float32)
        self._price = 0.0
        self._state()
        guess = np.concatenate([[self.scale], np.full(elements, self._need), np.full(items, 0.3)])
        self.matrix = self._feasible(np.outer(guess, guess).astype(np.float32))
        self.multipliers = np.zeros_like(self.matrix)
        self.penalty = FIRST_PENALTY * float(np.linalg.norm(self._objective) / np.linalg.norm(self.matrix))

    def start_from(self, parent: SemidefiniteBound, kept: NDArray[np.int64], left_out: int | None) -> None:
        """Begin where another bound stands, of which some elements and items are kept.

        Parameters
        ----------
        parent : SemidefiniteBound
        kept : numpy.ndarray of int64
            The rows of the parent's matrix that this one has, beginning with 0.
        left_out : int or None
            The row of an element that is left out here.
        """
        self.scale, self.penalty = parent.scale, parent.penalty
        self._state()
        self.matrix = self._feasible(parent.matrix[np.ix_(kept, kept)])
        self.multipliers = parent.multipliers[np.ix_(kept, kept)]
        if left_out is not None:
            row = parent.multipliers[left_out, kept] / np.float32(self.scale)
            self.multipliers[0] += row
            self.multipliers[:, 0] += row
            self.multipliers[0, 0] += parent.multipliers[left_out, left_out] / np.float32(self.scale**2)
        self.multipliers *= np.float32(parent._total / self._total)

    @property
    def left_out(self) -> Vector:
        """How far each element is left out in the matrix, shape (elements,)."""
        return self.matrix[0, 1 : 1 + len(self._weight)].astype(np.float64) / self.scale

    def _state(self) -> None:
        """Write the objective and the row of weight, of 1 and z, as matrices for the scale."""
        elements, size = len(self._weight), len(self._apart)
        self._objective = np.zeros((size, size))
        self._objective[0, 1 + elements :] = self._objective[1 + elements :, 0] = self._profit / (2 * self.scale)
        low, high = self._need, self._need + self._excess
        row = np.zeros((1 + elements, 1 + elements))
        row[1:, 1:] = np.outer(self._weight, self._weight)
        row[0, 1:] = row[1:, 0] = -(low + high) / (2 * self.scale) * self._weight
        row[0, 0] = low * high / self.scale**2
        self._row = row / float(np.linalg.norm(row))
        together = self._together[1 + elements :, 1 : 1 + elements]
        self._item_rows = ItemRows(together, self._weight, self._need, self._excess, 1 + 2 * self.scale**2)

    def _feasible(self, matrix: Single) -> Single:
        """Return the nearest matrix that keeps all rows but that of weight, and need not be semidefinite."""
        near: Single = np.maximum(matrix, 0)
        near *= self._together
        self._join(near, matrix)
        return near

    def _join(self, near: Single, matrix: Single) -> None:
        """Write the diagonal and the first row of the nearest matrix, which say the same."""
        scale = np.float32(self.scale)
        diagonal = np.maximum(self._joined(matrix), 0)
        np.fill_diagonal(near, diagonal)
        near[0] = near[:, 0] = scale * diagonal
        near[0, 0] = scale**2

    def _joined(self, matrix: Single) -> Single:
        """Return the mean of the diagonal and of the first row and column, that they come to where they are one."""
        scale = np.float32(self.scale)
        mean: Single = (np.diagonal(matrix) + 2 * scale * matrix[0]) / (1 + 2 * scale**2)
        return mean

    def _light(self, matrix: Single) -> Single:
        """Return the nearest matrix that keeps all rows, by secants on the price of the row of weight."""
        part = slice(0, len(self._row))
        elements, row = matrix[part, part], self._row.astype(np.float32)

        def at(price: float) -> tuple[Single, float]:
            shifted = elements - np.float32(price) * row
            near: Single = np.maximum(shifted, 0)
            self._join(near, shifted)
            return near, float(np.vdot(row, near))

        price = self._price
        block, excess = at(price)
        following = max(0.0, price + 1.2 * excess)
        for _ in range(ROOT_STEPS):
            if abs(excess) < PRECISE or following == price:
                break
            before, past = price, excess
            price = following
            block, excess = at(price)
            if excess == past:
                break
            following = max(0.0, price - excess * (price - before) / (excess - past))
        self._price = price
        near = self._feasible(matrix)
        near[part, part] = block
        items, others = slice(len(row), None), slice(1, len(row))
        chosen, beside = self._item_rows.nearest(self._joined(matrix)[items], matrix[items, others])
        near[items, others], near[others, items] = beside, beside.T
        near[0, items] = near[items, 0] = np.float32(self.scale) * chosen
        near[items, items][np.diag_indices(len(chosen))] = chosen
        return near

    def run(self, iterations: int) -> None:
        """Go on for so many iterations."""
        objective = self._objective.astype(np.float32)
        for _ in range(iterations):
            apart = self.matrix - self.multipliers
            if not np.isfinite(apart).all():  # nothing is feasible, and multipliers grow without end
                return
            semidefinite = _semidefinite(apart)
            mixed = np.float32(RELAXED) * semidefinite + np.float32(1 - RELAXED) * self.matrix
            last = self.matrix
            target = mixed + self.multipliers
            self.matrix = self._light(target + objective * np.float32(1 / self.penalty))
            self.multipliers = target - self.matrix
            self._iteration += 1
            if self._iteration % RETUNED_AFTER == 0:
                self._retune(semidefinite, last)

    def prove(self) -> None:
        """Lower the bound to what the multipliers prove, where that is lower."""
        self.bound = min(self.bound, self.proven())

    def _retune(self, semidefinite: Single, last: Single) -> None:
        """Change the penalty where one residual, relative to its size, is far above the other."""
        apart = float(np.linalg.norm(semidefinite - self.matrix) * np.linalg.norm(self.multipliers))
        moved = float(np.linalg.norm(self.matrix - last) * np.linalg.norm(self.matrix))
        factor = RETUNED_BY if apart > BALANCED * moved else 1 / RETUNED_BY if moved > BALANCED * apart else 1.0
        self.penalty *= factor
        self.multipliers /= np.float32(factor)
        self._price /= factor
        self._item_rows.prices /= np.float32(factor)

    def proven(self) -> float:
        """Return the bound that the multipliers prove.

        With S the multipliers and C the objective, G = S + C - (prices) (rows of weight) is split into multipliers
        of the other rows. An entry of G that would need one of the wrong sign is taken off S. Then p x = C Y is at most
        G_00 - S Y for every Y. With d the parts of the diagonal that make up 1, at most 1, and at most 1 of p x,
        -S Y is at most 3 times what the least eigenvalue of S, scaled by d, is below 0; a little more with even parts
        added to d, which no part is far below.
        """
        size = len(self._apart)
        unscaled = np.ones(size)
        unscaled[0] = self.scale
        both = np.outer(unscaled, unscaled)
        multipliers = self.multipliers.astype(np.float64)
        if not (np.isfinite(multipliers).all() and np.isfinite(self._item_rows.prices).all()):
            return np.inf
        dual = self.penalty * both * (multipliers + multipliers.T) / 2
        gained, priced = both * self._objective, np.zeros_like(both)
        part = slice(0, len(self._row))
        priced[part, part] = self.penalty * self._price * both[part, part] * self._row
        diagonal, beside = self._item_rows.priced()
        items, others = slice(len(self._row), None), slice(1, len(self._row))
        priced[items, others], priced[others, items] = self.penalty * beside, self.penalty * beside.T
        priced[items, items][np.diag_indices(len(diagonal))] = self.penalty * diagonal
        surplus = dual + gained - priced
        lost = np.where(self._apart, 0.0, np.maximum(surplus, 0.0))
        lost[0] = lost[:, 0] = 0.0
        np.fill_diagonal(lost, np.maximum(np.diagonal(surplus) + 2 * surplus[0], 0.0))
        lost[0, 0] = 0.0
        dual -= lost
        rounded = 16 * UNIT_ROUNDOFF * float(np.abs(dual).sum() + np.abs(gained).sum() + np.abs(priced).sum())
        most = max(self.bound / self._total, LEAST_SHARE)
        light = self._weight / (self._need + self._excess)
        share = np.sqrt(np.concatenate([[1.0], light, self._profit / most]) + EVEN / size)
        balanced = dual / np.outer(share, share)
        least = linalg.eigh(balanced, eigvals_only=True, subset_by_index=(0, 0), check_finite=False)[0]
        lacks = max(0.0, -float(least)) + size**2 * UNIT_ROUNDOFF * float(np.linalg.norm(balanced))
        return self._total * (float(surplus[0, 0]) + (3 + EVEN) * lacks + rounded) * (1 + 1e-12)


def _semidefinite(matrix: Single) -> Single:
    """Return the nearest positive semidefinite matrix."""
    values, vectors = linalg.eigh(matrix, driver="evd", check_finite=False)
    positive = values > 0
    if positive.sum() <= len(values) / 2:
        part = vectors[:, positive] * np.sqrt(values[positive])
        return np.asarray(part @ part.T)
    part = vectors[:, ~positive] * np.sqrt(-values[~positive])
    return np.asarray(matrix + part @ part.T)

"""The relaxation of the set-union knapsack problem over pairs of excluded elements, by HiGHS and by dual ascent."""

from __future__ import annotations

import time
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram
from edgeopt.method import Options
from edgeopt.placement.branch_and_bound import INTEGRAL_MARGIN
from edgeopt.placement.knapsack import Knapsack

VIOLATION = 1e-4
MOST_ROWS = 1000  # added per round and kind
WHOLE_SETS = (1, 2, 3, 4, 6, 8)  # k of the rows over all elements of an item
Row = tuple[NDArray[Any], list[float]]  # columns and coefficients
LOOK = 50  # rounds of the ascent between two looks at its bound


def upper(knapsack: Knapsack, killed: float) -> float:
    """Bound on the profit from one on the killed profit, with a margin for rounding."""
    total = float(knapsack.profit.sum())
    bound = total - killed + INTEGRAL_MARGIN * total
    return floor(bound) if knapsack.integral else bound


def linear(knapsack: Knapsack) -> LinearProgram:
    """Excluded elements z, then killed items y: enough weight is excluded, the least profit killed."""
    items, elements = knapsack.incidence.shape
    item, element = np.nonzero(knapsack.incidence)
    entry = np.arange(len(item))
    kills = sparse.csr_array(
        (np.repeat([1.0, -1.0], len(item)), (np.tile(entry, 2), np.concatenate([elements + item, element]))),
        shape=(len(item), elements + items),
    )
    weight = sparse.csr_array(np.concatenate([knapsack.weight, np.zeros(items)])[None, :])
    need = float(knapsack.weight.sum() - knapsack.capacity)
    return LinearProgram(
        cost=np.concatenate([np.zeros(elements), knapsack.profit]),
        column_lower=np.zeros(elements + items),
        column_upper=np.ones(elements + items),
        integer=np.zeros(elements + items, np.bool_),
        rows=sparse.csr_array(sparse.vstack([weight, kills])),
        row_lower=np.concatenate([[need], np.zeros(len(item))]),
        row_upper=np.full(1 + len(item), np.inf),
    )


class PairProgram:
    """The relaxation with products Z_ef = z_e z_f of some elements e with all others, its rows added when violated.

    The weight row is multiplied by z_e and by 1 - z_e. A set T of elements of an item, with products for all its pairs,
    gives k (k + 1) y_i >= 2 k sum z_e - 2 sum Z_ef for k = 1, 2, ... (Dawson and Sankoff 1967).
    """

    def __init__(self, knapsack: Knapsack, paired: int, seconds: float) -> None:
        self.knapsack, self.options = knapsack, Options(time_limit=seconds)
        items, elements = knapsack.incidence.shape
        touched = knapsack.profit @ knapsack.incidence
        self.chosen = np.sort(np.argsort(-touched, kind="stable")[:paired])
        wanted = np.zeros((elements, elements), np.bool_)
        wanted[self.chosen] = wanted[:, self.chosen] = True
        self.first, self.second = np.nonzero(np.triu(wanted, 1))
        self.start, self.pairs = elements + items, len(self.first)
        self.column = np.full((elements, elements), -1)
        self.column[self.first, self.second] = self.column[self.second, self.first] = self.start + np.arange(self.pairs)
        held = knapsack.incidence
        self.item, self.pair = np.nonzero(held[:, self.first] & held[:, self.second])
        self.solver = HighsSolver(self._program(), self.options)

    def _program(self) -> LinearProgram:
        plain, knapsack = linear(self.knapsack), self.knapsack
        columns = self.start + self.pairs
        weight, need = knapsack.weight.astype(float), float(knapsack.weight.sum() - knapsack.capacity)
        rows = np.zeros((2 * len(self.chosen), columns))
        for number, element in enumerate(self.chosen):
            others = np.flatnonzero(np.arange(len(weight)) != element)
            within, without = rows[2 * number], rows[2 * number + 1]
            within[self.column[element, others]] = weight[others]
            within[element] = weight[element] - need
            without[self.column[element, others]] = -weight[others]
            without[others] = weight[others]
            without[element] = need
        lower = np.tile([0.0, need], len(self.chosen))
        padded = sparse.csr_array(sparse.hstack([plain.rows, sparse.csr_array((plain.rows.shape[0], self.pairs))]))
        program = LinearProgram(
            cost=np.concatenate([plain.cost, np.zeros(self.pairs)]),
            column_lower=np.zeros(columns),
            column_upper=np.ones(columns),
            integer=np.zeros(columns, np.bool_),
            rows=padded,
            row_lower=plain.row_lower,
            row_upper=plain.row_upper,
        )
        return program.with_rows(sparse.csr_array(rows), lower, np.full(len(lower), np.inf))

    def run(self) -> tuple[float | None, int, bool]:
        """Best bound, rounds, and whether no violated row was left."""
        best, rounds = None, 0
        while True:
            result = self.solver.solve()
            if result.row_duals is None or result.values is None:
                return best, rounds, False
            proven = self.solver.program.proven_bound(result.row_duals)
            if proven is not None:
                bound = upper(self.knapsack, proven)
                best, rounds = bound if best is None else min(best, bound), rounds + 1
            added = self._violated(result.values)
            if not len(added[1]):
                return best, rounds, True
            self.solver.add_rows(added[0], added[1], np.full(len(added[1]), np.inf))

    def _violated(self, values: NDArray[np.float64]) -> tuple[sparse.csr_array, NDArray[np.float64]]:
        products, (one, two) = self.start + np.arange(self.pairs), (self.first, self.second)
        killed = len(self.knapsack.weight) + self.item
        rows: list[Row] = []
        for columns, signs in (
            (np.stack([products, one]), [-1.0, 1.0]),
            (np.stack([products, two]), [-1.0, 1.0]),
            (np.stack([killed, one[self.pair], two[self.pair], products[self.pair]]), [1.0, -1.0, -1.0, 1.0]),
        ):
            slack = np.array(signs) @ values[columns]
            worst = np.argsort(slack)[:MOST_ROWS]
            rows += [(columns[:, row], signs) for row in worst[slack[worst] < -VIOLATION]]
        rows += self._sets(values)
        return _stacked(rows, len(values)), np.zeros(len(rows))

    def _sets(self, values: NDArray[np.float64]) -> list[Row]:
        rows: list[Row] = []
        for item, held in enumerate(self.knapsack.incidence[:, self.chosen]):
            among = self.chosen[held]
            products = np.where(self.column[np.ix_(among, among)] < 0, 2.0, values[self.column[np.ix_(among, among)]])
            for k in (1, 2, 3):
                gain, taken = 2 * k * values[among], list[int]()
                while len(among) > len(taken) and gain.max() > 0:
                    taken.append(int(np.argmax(gain)))
                    gain -= 2 * products[:, taken[-1]]
                    gain[taken] = -np.inf
                if len(taken) > 2:
                    row = self._set_row(item, among[taken], k)
                    if np.dot(values[row[0]], row[1]) < -VIOLATION:
                        rows.append(row)
        return rows

    def ascent(self, rounds: int, seconds: float) -> tuple[float, int]:
        """Bound and rounds of a primal-dual ascent on the multipliers of all rows for pairs, every one of them present.

        Steps are those of Chambolle and Pock (2011) with their diagonal preconditioning; any multipliers prove a bound.
        """
        program = self._all_rows()
        scale = 1 / np.maximum(abs(program.rows).max(axis=1).toarray().ravel(), 1e-9)
        rows = sparse.csr_array(sparse.diags_array(scale) @ program.rows)
        back, lower, size = sparse.csr_array(rows.T), scale * program.row_lower, max(program.cost.mean(), 1e-9)
        primal = 1 / (size * np.maximum(abs(rows).sum(axis=0), 1e-9))
        dual = size / np.maximum(abs(rows).sum(axis=1), 1e-9)
        x, price = np.full(rows.shape[1], 0.25), np.zeros(rows.shape[0])
        mean, number, since, best = price.copy(), 0, 0, -np.inf
        ends = time.process_time() + seconds
        while number < rounds and time.process_time() < ends:
            for _ in range(LOOK):
                moved = np.clip(x - primal * (program.cost - back @ price), 0.0, 1.0)
                price = np.maximum(price + dual * (lower - rows @ (2 * moved - x)), 0.0)
                x, number, since = moved, number + 1, since + 1
                mean += (price - mean) / since
            if since >= max(number // 2, LOOK):
                since = 0
            for multipliers in (mean, price):
                best = max(best, program.proven_bound(scale * multipliers) or 0.0)
        return upper(self.knapsack, max(best, 0.0)), number

    def _all_rows(self) -> LinearProgram:
        products = self.start + np.arange(self.pairs)
        killed, (one, two) = len(self.knapsack.weight) + self.item, (self.first, self.second)
        rows = [(columns, [-1.0, 1.0]) for end in (one, two) for columns in np.stack([products, end]).T]
        joint = np.stack([killed, one[self.pair], two[self.pair], products[self.pair]]).T
        rows += [(columns, [1.0, -1.0, -1.0, 1.0]) for columns in joint]
        for item, held in enumerate(self.knapsack.incidence[:, self.chosen]):
            members = self.chosen[held]
            rows += [self._set_row(item, members, k) for k in WHOLE_SETS if k < len(members)]
        matrix = _stacked(rows, self.start + self.pairs)
        count = matrix.shape[0]
        return self._program().with_rows(matrix, np.zeros(count), np.full(count, np.inf))

    def _set_row(self, item: int, members: NDArray[np.int64], k: int) -> Row:
        one, two = np.triu_indices(len(members), 1)
        pairs = self.column[members[one], members[two]]
        signs = [k * (k + 1.0), *[-2.0 * k] * len(members), *[2.0] * len(pairs)]
        return np.concatenate([[len(self.knapsack.weight) + item], members, pairs]), signs


def _stacked(rows: list[Row], columns: int) -> sparse.csr_array:
    data = np.concatenate([signs for _, signs in rows]) if rows else np.empty(0)
    index = np.concatenate([places for places, _ in rows]) if rows else np.empty(0, np.int64)
    start = np.cumsum([0, *(len(places) for places, _ in rows)])
    return sparse.csr_array((data, index, start), shape=(len(rows), columns))

"""The rows against cycles of neighbours, for a formulation of loading that a user may have changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from edgeopt.engines.linear import LinearProgram
from edgeopt.errors import UsageError
from edgeopt.loading.orders.forest import CUT_MARGIN, DEADLINE_MARGIN
from edgeopt.loading.orders.subtours import Cut, cycles, violated_cuts
from edgeopt.loading.overlaps import heaviest_paths

Row = tuple[list[tuple[Any, float]], float]  # variables with coefficients, and what their sum is at most
OWN_ROWS = ("deadline", "two_neighbours", "runs")


class Cycles:
    """What `edgeopt.models.loading` leaves to the method: z(E(S)) <= y(S) - y_k for every set S of models, k in S.

    All methods read the values of the formulation's variables.

    Parameters
    ----------
    formulation : pyomo.environ.ConcreteModel
        Made by `formulate` or `formulate_order`, or by `edgeopt.models.loading_weights`; changed as its user likes.
    program : LinearProgram
        The compiled formulation. Its deadline is loosened by more than what the solver tolerates, so that all it cuts
        off is too late; plans are judged in the instance's own times.

    Raises
    ------
    UsageError
        Rows of the user forbid neighbours in a formulation that does not state who is beside whom.
    """

    def __init__(self, formulation: Any, program: LinearProgram) -> None:
        self.formulation = formulation
        self.pairs: NDArray[np.int64] = np.array(list(formulation.PAIRS), np.int64).reshape(-1, 2)
        path = formulation.component("one_path")
        if path is None or not path.active:
            self._require_that_overlaps_help(program)
        for row, constraint in enumerate(program.constraints):
            if constraint is formulation.deadline:
                program.row_upper[row] += DEADLINE_MARGIN

    def _require_that_overlaps_help(self, program: LinearProgram) -> None:
        """Refuse rows that a plan breaks whose models happen to meet: z = 0 does not keep them apart."""
        m = self.formulation
        own = [m.component(name) for name in OWN_ROWS]
        theirs = np.array([row.parent_component() not in own for row in program.constraints], np.bool_)
        columns = list(program.columns(m.z).values())
        parts = program.rows[:, columns].tocoo()
        above, below = np.isfinite(program.row_upper)[parts.row], np.isfinite(program.row_lower)[parts.row]
        forbids = (theirs[parts.row] & ((above & (parts.data > 0)) | (below & (parts.data < 0)))).any()
        costs = program.cost[columns] * (1 if program.maximize else -1)
        kept_apart = any(z.ub < 1 or (z.fixed and z.value < 1) for z in m.z.values())
        if forbids or kept_apart or (costs < 0).any():
            raise UsageError(
                "rows, bounds or costs against neighbours (z) need edgeopt.models.loading.formulate_order: where z is "
                "0 in `formulate`, the plan counts on no overlap, but the two models may still be visited one right "
                "after the other"
            )

    def broken(self, whole: bool) -> list[Row]:
        """Return rows that the values break; `whole` says that x and z are whole numbers."""
        z = np.array([pyo.value(variable) for variable in self.formulation.z.values()])
        if whole:
            return list(map(self._row, cycles(self.pairs[z > 0.5])))
        y = np.array([pyo.value(self.formulation.y[i]) for i in self.formulation.MODELS])
        return list(map(self._row, violated_cuts(self.pairs, z, y, CUT_MARGIN)))

    def _row(self, cut: Cut) -> Row:
        models, k = cut
        m = self.formulation
        inside = [(m.z[pair], 1.0) for i in models for pair in m.pairs_at[i] if pair[0] == i and pair[1] in models]
        visit = {i: m.y[i] if m.y.ctype is pyo.Var else m.x[i, 1] for i in models}
        return inside + [(visit[i], -1.0) for i in models if i != k], 0.0

    def unlikely(self) -> list[Any]:
        """Return the pairs outside the paths that the values suggest: without them there are no cycles."""
        m = self.formulation
        z = np.array([pyo.value(variable) for variable in m.z.values()])
        overlap = m.prefixes.overlap_s[self.pairs[:, 0], self.pairs[:, 1]]
        weight = z + 1e-3 * overlap / max(overlap.max(initial=0.0), 1e-300)
        likely = set(heaviest_paths(self.pairs, weight, len(m.MODELS)))
        return [variable for pair, variable in m.z.items() if pair not in likely]

"""The master program of `exact`: sets of users within the union relaxation, less those found impossible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

import numpy as np
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.engines.running import Report, Result
from edgeopt.loading.queues import Queues
from edgeopt.models.loading_deadlines import formulate
from edgeopt.run import Run

WORK_GAP = 0.02  # of the latest deadline: how far the work may be from the least


class Master:
    """The union relaxation in HiGHS.

    Parameters
    ----------
    queues : Queues
        At least one user.
    run : Run
    deadlines : iterable of float, optional
        As for `edgeopt.models.loading_deadlines.formulate`.
    """

    def __init__(self, queues: Queues, run: Run, deadlines: Iterable[float] | None = None) -> None:
        self._formulation = formulate(queues, deadlines)
        program = compile_formulation(self._formulation)
        self.solver = HighsSolver(program, run)
        columns = program.columns(self._formulation.x)
        self._users = list(columns)
        self._columns = [columns[user] for user in self._users]
        self._asked: int | None = None  # the row of the number asked for

    def bound(self, node_limit: int | None = None, report: Report | None = None) -> Result:
        """Maximise the users; only before the first question."""
        return self.solver.solve(absolute_gap=0.999, node_limit=node_limit, report=report)

    def ask(self, number: int) -> None:
        """Ask for at least so many users, with little work, from now on."""
        if self._asked is None:
            self._asked = len(self.solver.program.row_lower)
            self._minimise_work()
            self._add(self._users, number, inf)
        self.solver.change_row_bounds(self._asked, number, inf)

    def _minimise_work(self) -> None:
        """Make the work the objective."""
        formulation, program = self._formulation, self.solver.program
        formulation.most_users.deactivate()
        formulation.least_work.activate()
        work = compile_formulation(formulation)
        costs = np.zeros(len(program.cost))
        for variable, cost in zip(work.variables, work.cost, strict=True):
            costs[program.column(variable)] = cost
        self.solver.change_costs(costs, work.offset, maximize=False)

    def exclude(self, users: Sequence[int], most: int) -> None:
        """Let at most so many of these users be served."""
        self._add(users, -inf, most)

    def _add(self, users: Sequence[int], lower: float, upper: float) -> None:
        at = dict(zip(self._users, self._columns, strict=True))
        row = np.zeros((1, len(self.solver.program.cost)))
        row[0, [at[user] for user in users if user in at]] = 1.0
        self.solver.add_rows(sparse.csr_array(row), np.array([lower], float), np.array([upper], float))

    def solve(self, node_limit: int | None = None) -> tuple[Result, list[int]]:
        """Return a set of users of the number asked for, if there is one."""
        result = self.solver.solve(absolute_gap=WORK_GAP, node_limit=node_limit)
        if result.values is None:
            return result, []
        return result, [u for u, c in zip(self._users, self._columns, strict=True) if result.values[c] > 0.5]

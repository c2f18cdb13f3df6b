"""The exact method for weights, one deadline and any sharing: overlap forests in HiGHS, solved until no row is broken.

Solutions are judged in the instance's own times: one with a cycle of neighbours gets a row against it, and one that
only the loosened deadline lets pass is cut off. Proofs: docs/loading-weights-proofs.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from edgeopt.loading.batches.line_search import Search, default_iterations, first_line, plan_or_start
from edgeopt.loading.batches.lines import Lines
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.quantities import number
from edgeopt.run import Incumbent, Outcome, Run
from edgeopt.solution import Plan, Status, Stopped, proved

if TYPE_CHECKING:
    from edgeopt.engines.linear import Vector
    from edgeopt.loading.orders.cycles import Row

MOST_ROUNDS, MOST_IDLE = 100, 10  # of the relaxation, in all and without a better bound
FIRST_SHARE = 10  # of the local search's default iterations
BUILDING_S = 1e-4  # seconds for each user, of stating the program; with less time the search is all


def solve_exact(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by a mixed-integer program of overlap forests; an iteration is a node."""
    work = compile_workload(instance)
    if not work.models:
        return serve_nobody(instance)
    lines = Lines(work.queues, work.timing, work)
    limit, given = default_iterations(len(work.queues.user_names)) // FIRST_SHARE, run.options.iteration_limit
    building_s, left_s = BUILDING_S * len(work.queues.user_names), run.remaining_s()
    searching = run.part(left_s - building_s if left_s > 2 * building_s else left_s, reports="all")
    search = Search(lines, searching, first_line(lines, searching))
    search.run(limit if given is None else min(limit, given))
    plan = plan_or_start(lines, search.best, run)
    if run.remaining_s() < building_s / 2 or run.stop_reason() is not None:
        return Outcome(plan, work.queues.objective.most, run.stop_reason() or Stopped.TIME_LIMIT)
    proof = Proof(work, run, plan)
    proof.relax()
    proof.branch()
    known = proof.known
    return Outcome(known.best, known.bound, known.ending(), message="; ".join(proof.notes))


class Proof:
    """The program, and the best plan and bound so far.

    Parameters
    ----------
    work : Workload
    run : Run
    plan : dict
    """

    def __init__(self, work: Workload, run: Run, plan: Plan) -> None:
        from edgeopt.engines.highs import HighsSolver
        from edgeopt.engines.linear import compile_formulation
        from edgeopt.loading.orders.cycles import Cycles
        from edgeopt.models.loading_weights import formulate

        self.work, self.run, self.objective = work, run, work.queues.objective
        value = self.objective.of_plan(plan)
        self.known: Incumbent[Plan] = Incumbent(run, plan, value, self.objective.most, dict)
        run.report(value, self.objective.most)
        self.formulation: Any = formulate(work)
        program = compile_formulation(self.formulation)
        self.cycles = Cycles(self.formulation, program)
        self.solver = HighsSolver(program, run)
        self.notes: list[str] = []

    def relax(self) -> None:
        """Solve the linear relaxation, adding the rows against cycles that it breaks."""
        rounds = added = idle = 0
        left_s = self.run.remaining_s()
        while rounds < MOST_ROUNDS and idle < MOST_IDLE and not self._closed():
            if self.run.remaining_s() < left_s / 2:
                break
            rounds += 1
            before = self.known.bound
            result = self.solver.solve(relaxed=True)
            if result.row_duals is not None:
                self._tighten(self.solver.program.proven_bound(result.row_duals))
            if result.values is None:
                break
            self.solver.program.load(self.formulation, result.values)
            rows = self.cycles.broken(whole=False)
            idle = idle + 1 if self.known.bound == before else 0
            if not rows:
                break
            added += len(rows)
            self._add(rows)
        self.notes.append(f"root bound {number(self.known.bound)} after {added} rows against cycles")

    def branch(self) -> None:
        """Solve the program, and again with the rows that its solution breaks, until there are none."""
        nodes, limit = 0, self.run.options.iteration_limit
        while not self._closed():
            if limit is not None and nodes >= limit:
                self.known.stopped = Stopped.ITERATION_LIMIT
                break
            result = self.solver.solve(
                gap=self.run.options.gap,
                absolute_gap=self.objective.gap(float(self.known.bound or 0)),
                node_limit=None if limit is None else limit - nodes,
                report=lambda _, bound: self._tighten(bound),
                found=self._take,
            )
            nodes += max(1, result.nodes)
            self._tighten(result.bound)
            rows = [] if result.values is None else self._judge(result.values)
            if result.status == Status.INFEASIBLE or not rows:
                self.known.stopped = None if result.stopped == Stopped.PROVED else result.stopped
                break
            self._add(rows)
        self.notes.append(f"{nodes} nodes")

    def _closed(self) -> bool:
        return self.known.closed() or proved(self.known.value, self.known.bound)

    def _tighten(self, bound: float | None) -> None:
        if bound is not None:
            self.known.tighten(self.objective.floor(bound))

    def _judge(self, values: Vector) -> list[Row]:
        """Take the plan of a solution where it is in time; return the rows that the solution breaks."""
        in_time = self._take(values)
        rows = self.cycles.broken(whole=True)
        return rows if rows or in_time else [self._exclusion()]

    def _take(self, values: Vector) -> bool:
        """Load a solution, and offer its plan where it is in time; say whether it is."""
        from edgeopt.models.loading_weights import read_plan

        program = self.solver.program
        program.load(self.formulation, np.where(program.integer, np.round(values), values))
        plan = read_plan(self.formulation)
        in_time = self.work.queues.in_time(self.work.queues.batches(plan))
        if in_time:
            self.known.offer(plan, self.objective.of_plan(plan))
        return in_time

    def _exclusion(self) -> Row:
        """Return the row that cuts off the users and neighbours of one solution."""
        m = self.formulation
        terms = [(variable, 1.0 if variable.value > 0.5 else -1.0) for each in (m.x, m.z) for variable in each.values()]
        return terms, float(sum(sign > 0 for _, sign in terms) - 1)

    def _add(self, rows: list[Row]) -> None:
        program = self.solver.program
        matrix = sparse.lil_array((len(rows), len(program.cost)))
        upper = np.array([limit for _, limit in rows])
        for row, (terms, _) in enumerate(rows):
            for variable, factor in terms:
                column = program.column(variable)
                if column is not None:
                    matrix[row, column] = factor
        self.solver.add_rows(sparse.csr_array(matrix), np.full(len(rows), -np.inf), upper)

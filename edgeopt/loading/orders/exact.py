"""The exact method for any sharing and one deadline: overlap forests, closed by asking for one user more.

The root relaxation with the rows against cycles gives a bound, and its order of the models, solved by the order-DP, a
plan. While they differ, the program is asked for the least time in which one more user is served, depth first, with
rows at every part: when multipliers prove of every part that its least time is beyond the deadline, the plan is
optimal. Plans are judged in the instance's own times, so that no tolerance of the solver passes a late one. Proofs:
docs/loading-proofs.md.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.orders.greedy import greedy_selection
from edgeopt.loading.prefixes import Prefixes
from edgeopt.loading.proof import UsersProof
from edgeopt.loading.relaxations import LARGE_TERMS, floor_bound, terms, too_large, union_bound
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Status, Stopped

if TYPE_CHECKING:
    from edgeopt.loading.orders.forest import Forest, Point
    from edgeopt.loading.orders.order_dp import Selection

MOST_ROUNDS = 200  # of rows at the root
SEARCH_SHARE = 8  # of the local search's default iterations
SLOW = 0.02  # of what is left to the deadline: rows that lengthen the least time by less are not looked for further
FEW_NODES = 50  # nodes spent on lowering a bound that is two users or more away


def solve_exact(instance: LoadingInstance, run: Run) -> Outcome:
    """Prove the optimum by a mixed-integer program of overlap forests."""
    prefixes = compile_workload(instance).prefixes
    if not prefixes.model_names:
        return serve_nobody(instance)
    proof = Proof(prefixes, run)
    reason = too_large(prefixes)
    if terms(prefixes) > LARGE_TERMS:
        proof.tighten(union_bound(prefixes, run.part(run.remaining_s() / 4, reports="bound")))
        proof.search(share=1, seconds=run.remaining_s() / (1 if reason else 4))
    if reason:
        proof.notes.append(f"{reason}: the bound counts each block once, the plan is the local search's")
        return proof.outcome()
    if proof.known.best is not None and proof.known.closed():
        return proof.outcome()
    from edgeopt.loading.orders.forest import Forest

    forest = Forest(prefixes, run)
    proof.root(forest)
    proof.search(share=SEARCH_SHARE)
    proof.decide(forest)
    return proof.outcome()


class Proof(UsersProof["Selection"]):
    """The steps that bring the best plan and the bound together."""

    def __init__(self, prefixes: Prefixes, run: Run) -> None:
        most = sum(len(table) - 1 for table in prefixes.serve_s)
        super().__init__(run, None, 0, most, lambda best: prefixes.plan(best.order, best.counts))
        self.prefixes = prefixes

    def tighten(self, bound: float | None) -> None:
        """Take a bound if it is the best so far."""
        self.known.tighten(None if bound is None else floor_bound(bound))

    def offer(self, selection: Selection) -> None:
        """Take a selection if it is the best so far."""
        self.known.offer(selection, selection.users)

    def follow(self, forest: Forest, point: Point) -> None:
        """Let the order-DP choose from the order of a point."""
        from edgeopt.loading.orders.order_dp import best_selection
        from edgeopt.loading.orders.tables import ServingTables

        self.offer(best_selection(ServingTables.of(self.prefixes), forest.order(point), self.run.stop_reason))

    def root(self, forest: Forest) -> None:
        """Solve the relaxation, adding rows against cycles until there are none."""
        rows = rounds = 0
        while rounds < MOST_ROUNDS:
            rounds += 1
            result, proven = forest.relax()
            before = self.bound
            self.tighten(proven)
            if result.values is None:
                break
            point = forest.point(result.values)
            if self.bound < before:
                self.follow(forest, point)
            if self.known.closed():
                break
            added = forest.separate(point)
            rows += added
            if not added:
                self.follow(forest, point)
                break
        self.known.closed()
        self.notes.append(f"root bound {self.bound} after {rows} rows against cycles in {rounds} rounds")

    def search(self, share: int, seconds: float = inf) -> None:
        """Improve the plan by local search, for a part of its default number of iterations."""
        if self.known.best is not None and self.known.closed():
            return
        from edgeopt.loading.orders.local_search import Search, default_iterations, selection_of
        from edgeopt.loading.orders.tables import ServingTables

        tables = ServingTables.of(self.prefixes)
        limited = self.run.part(seconds, iterations=1 + default_iterations(tables.models) // share, reports="all")
        starts = [self.known.best] if self.known.best else []
        if self.run.options.start is not None and self.run.options.start.plan is not None:
            starts.append(selection_of(self.prefixes, tables, self.run.options.start.plan))
        starts.append(greedy_selection(tables, limited)[0])
        for start in starts:
            self.offer(start)
        search = Search(tables, limited, enough=self.bound)
        for start in starts:
            search.offer(start)
        search.run(starts)
        self.offer(search.best)

    def decide(self, forest: Forest) -> None:
        """Ask for more users than known until that is impossible."""
        questions = 0
        while not self.known.closed():
            # A bound far away is lowered first, once: what is far from possible is disproved most easily.
            high = self.bound > self.users + 1 and questions == 0
            number = self.bound if high else self.users + 1
            questions += 1
            forest.ask(number)
            self._branch(forest, number, high)
        if questions:
            self.notes.append(f"{questions} questions for more users, {self.nodes} nodes")

    def _branch(self, forest: Forest, number: int, briefly: bool) -> None:
        """Look for so many users depth first; when no part of the tree is left, nobody can serve so many."""
        limit = self.run.options.iteration_limit
        most = min(inf if limit is None else limit, self.nodes + FEW_NODES if briefly else inf)
        parts: list[dict[int, float]] = [{}]
        stopped = None
        while parts and self.users < number:
            stopped = Stopped.ITERATION_LIMIT if self.nodes >= most else None
            if stopped is not None:
                break
            self.nodes += 1
            self.run.count()
            fixed = parts[-1]
            forest.fix(fixed)
            stopped, point = self._settle(forest)
            if stopped is not None:
                break
            if point is None:
                parts.pop()
                continue
            self.follow(forest, point)
            column = forest.fractional(point)
            if column is not None:
                near = float(point.values[column] > 0.5)
                parts[-1:] = [{**fixed, column: 1 - near}, {**fixed, column: near}]
            elif self.users < number:
                forest.exclude(point)  # the best of its order is too late, so it is, too
        forest.fix({})
        if not parts:
            self.tighten(number - 1)
        elif not briefly and self.users < number:
            self.known.stopped = stopped

    def _settle(self, forest: Forest) -> tuple[Stopped | None, Point | None]:
        """Relax a part, with the rows against cycles that it breaks, until it is refuted: then there is no point."""
        from edgeopt.loading.orders.forest import DEADLINE_MARGIN

        before = -inf
        while True:
            result, proven = forest.relax()
            if result.status == Status.INFEASIBLE or (proven is not None and proven > 1 + DEADLINE_MARGIN):
                return None, None
            if result.values is None or proven is None:
                return result.stopped, None
            point = forest.point(result.values)
            slow = proven - before < SLOW * (1 - proven) and forest.fractional(point) is not None
            before = proven
            if slow or not forest.separate(point):
                return None, point

    def outcome(self) -> Outcome:
        """Return plan and bound."""
        best = self.known.best
        order, counts = (best.order, best.counts) if best else ([], [])
        plan = self.prefixes.plan(order, counts)
        return Outcome(plan, self.bound, self.known.ending(), message="; ".join(self.notes))

"""Branch and bound for one node, the set-union knapsack problem, by proving ever smaller targets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import floor, log

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from edgeopt.placement import branch_kernel
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.knapsack import Knapsack
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.placement.semidefinite_tree import SemidefiniteTree
from edgeopt.placement.starts import searched_start
from edgeopt.run import Outcome, PlanMaker, Run
from edgeopt.solution import Plan, Stopped

CHUNK_ENTRIES = 250_000  # nodes times entries (item, element) between two looks at the clock
FIRST_TARGET = 0.9  # between the best value known (0) and the root's bound (1)
FIRST_STEP = 0.1
GROWTH = 8.0  # how many more nodes the next target should take than the last
FIRST_CHUNKS = 20  # between two looks, before a large problem may be left to semidefinite bounds
LARGE, TOO_LARGE = 250, 1_000  # items and elements of such a problem; smaller ones are proved, larger matrices are slow
FAR = 0.1  # the bound then is so much above the best value
MOST_TREE_BYTES = 2 * 10**9  # of the nodes on one path
INTEGRAL_MARGIN, REAL_MARGIN = 1e-9, 1e-11  # of the total profit, for rounding in sums of floats

Chosen = NDArray[np.bool_]


class BranchAndBound:
    """The best set of items of a set-union knapsack problem, with a proof.

    A depth-first search cannot bound the optimum before it ends. So the search proves "no solution above the target"
    for targets that fall from the root's bound to the best value known; each proven target is a bound. The number of
    nodes grows about exponentially as the target falls, and steps are chosen for it to grow eightfold, so that the
    proofs before the last take about a seventh of the last one's nodes.

    Parameters
    ----------
    knapsack : Knapsack
    best : numpy.ndarray of bool, shape (items,)
        A feasible choice.
    plan : callable, optional
        Makes the plan of a choice.

    Attributes
    ----------
    value : float
        Profit of the best choice so far.
    bound : float
        Proven.
    nodes : int
        Nodes searched.
    """

    def __init__(self, knapsack: Knapsack, best: Chosen, plan: Callable[[Chosen], Plan] | None = None) -> None:
        self.whole, self._plan_of = knapsack, plan
        self.knapsack, self.kept = knapsack.reduced()
        self.best, self.value = best, knapsack.value(best)
        self.total = float(self.knapsack.profit.sum())
        margin = INTEGRAL_MARGIN * self.total
        self.whole_numbers = knapsack.integral and margin < 0.5
        self.margin = margin if self.whole_numbers else REAL_MARGIN * self.total
        self.items = _items(self.knapsack)
        need = float(self.knapsack.weight.sum() - self.knapsack.capacity)
        self.stack = branch_kernel.make_stack(self.items, need)
        self.space = branch_kernel.make_space(self.items)
        self.nodes = 0
        self.bound = self._root_bound()
        self.root = branch_kernel.BranchNode(*(array[0].copy() for array in self.stack[:4]))

    @property
    def _chunk(self) -> int:
        """Nodes between two looks at the clock."""
        return 1 + CHUNK_ENTRIES // (len(self.items.elements) + 1)

    @property
    def first_nodes(self) -> int:
        """Nodes that tell whether the bounds come close."""
        return FIRST_CHUNKS * self._chunk

    def chosen(self, reduced: Chosen) -> Chosen:
        """Return a choice of the reduced items as one of all items."""
        chosen = np.zeros_like(self.best)
        chosen[self.kept[reduced]] = True
        return chosen

    def take(self, reduced: Chosen, bound: float) -> None:
        """Keep a choice of the reduced items that is better than the best, and a bound, of another search."""
        chosen = self.chosen(reduced)
        if self.whole.value(chosen) > self.value:
            self.best, self.value = chosen, self.whole.value(chosen)
        self.bound = min(self.bound, bound)

    def run(self, run: Run, node_limit: int | None = None) -> Stopped:
        """Prove until the bound meets the best value, or a limit of the options or of nodes is reached."""
        target = self.value + FIRST_TARGET * (self.bound - self.value)
        step, last = FIRST_STEP * (self.bound - self.value), None
        run.report(self._number(self.value), self._number(self.bound), self._plan())
        while self.bound > self.value + run.options.gap * abs(self.value):
            before = self.nodes
            target = max(self.value, floor(target) if self.whole_numbers else target)
            reason = self.prove(target, run, node_limit)
            if reason is not None:
                return reason
            if target <= self.value:
                break
            used = self.nodes - before
            if last is not None:
                step *= float(np.clip(log(GROWTH) / log(max(used / last, 1.2)), 0.25, 2.0))
            last = max(used, 1)
            target = self.bound - step if self.bound - 1.3 * step > self.value else self.value
        return Stopped.PROVED

    def prove(self, target: float, run: Run, node_limit: int | None = None) -> Stopped | None:
        """Search for choices worth more than the target; when none is left, the target or the best value is the bound.

        Returns None when the search ended, else why it was stopped.
        """
        if target >= self.bound:
            return None
        self.stack.split[0], self.stack.fate[0] = self.root.split, self.root.fate
        self.stack.living[0], self.stack.totals[0] = self.root.living, self.root.totals
        self.stack.waiting[:] = False
        self.stack.state[:] = 0
        most = self._chunk
        while True:
            reason = run.stop_reason()
            if reason is not None:
                return reason
            chunk = most if node_limit is None else min(most, node_limit - self.nodes)
            if chunk <= 0:
                return Stopped.ITERATION_LIMIT
            before = int(self.stack.state[branch_kernel.NODES])
            ending = branch_kernel.search(self.items, self.stack, self.space, self._cut(target), chunk)
            done = int(self.stack.state[branch_kernel.NODES]) - before
            self.nodes += done
            run.count(done)
            if ending == branch_kernel.FOUND:
                self._take_solution()
                target = max(target, self.value)
                run.report(self._number(self.value), plan=self._plan())
            elif ending == branch_kernel.EXHAUSTED:
                self.bound = min(self.bound, target if self.whole_numbers else target + 2 * self.margin)
                run.report(None, self._number(self.bound))
                return None

    def _cut(self, target: float) -> float:
        """Return the most profit that a choice worth more than the target may kill, with a margin for rounding."""
        if self.whole_numbers:
            return self.total - target - 1 + self.margin
        return self.total - target - self.margin

    def _take_solution(self) -> None:
        depth = self.stack.state[branch_kernel.DEPTH]
        excluded = self.stack.fate[depth] == branch_kernel.EXCLUDED
        self.take(self.knapsack.without(excluded), self.bound)

    def _root_bound(self) -> float:
        node = branch_kernel.BranchNode(*(array[0] for array in self.stack[:4]))
        killed = branch_kernel.least_killed(self.items, node, self.space, branch_kernel.ROOT_ROUNDS, np.inf)
        bound = self.total - killed + self.margin
        return max(self.value, floor(bound) if self.whole_numbers else bound)

    def _plan(self) -> PlanMaker | None:
        return None if self._plan_of is None else partial(self._plan_of, self.best)

    def _number(self, value: float) -> float:
        return round(value) if self.whole_numbers else value


def _items(knapsack: Knapsack) -> branch_kernel.Items:
    starts, elements = knapsack.elements_of
    item_starts, items = knapsack.items_of
    weight = knapsack.weight.astype(np.float64)
    return branch_kernel.Items(starts, elements, item_starts, items, knapsack.places, knapsack.profit, weight)


def refusal(instance: PlacementInstance) -> str | None:
    """Say that there are several nodes, or more blocks and models than memory takes, or return None."""
    if len(instance.nodes) != 1:
        return f"it is for one node, and there are {len(instance.nodes)}; 'exact' and 'cpsat' take any number"
    sharing = DemandArrays(instance).sharing
    needed = 8 * sharing.incidence.nnz * len(sharing.atoms)
    if needed > MOST_TREE_BYTES:
        return f"its search would take {needed / 1e9:.0f} GB of memory; 'exact' and 'local-search' work"
    return None


def search_tree(arrays: DemandArrays, start: NDArray[np.bool_], run: Run) -> Outcome:
    """Prove a placement on one node optimal, or find a better one.

    A large problem whose bound stays far off after some nodes is left to the search with semidefinite bounds.
    """
    tree = BranchAndBound(arrays.knapsack(0, arrays.empty()), start[0], lambda best: arrays.plan(best[None, :]))
    limit = run.options.iteration_limit
    size = sum(tree.knapsack.incidence.shape)
    if not LARGE <= size <= TOO_LARGE:
        return _outcome(arrays, tree, tree.run(run, limit), f"{tree.nodes} nodes")
    stopped = tree.run(run, tree.first_nodes if limit is None else min(limit, tree.first_nodes))
    if stopped != Stopped.ITERATION_LIMIT or tree.nodes == limit:
        return _outcome(arrays, tree, stopped, f"{tree.nodes} nodes")
    if tree.bound <= (1 + FAR) * tree.value:
        return _outcome(arrays, tree, tree.run(run, limit), f"{tree.nodes} nodes")
    parts = SemidefiniteTree(
        tree.knapsack, tree.best[tree.kept], tree.bound, lambda best: arrays.plan(tree.chosen(best)[None, :])
    )
    with threadpool_limits(run.options.threads, user_api="blas"):
        stopped = parts.run(run, None if limit is None else limit - tree.nodes)
    tree.take(parts.best, parts.bound)
    return _outcome(arrays, tree, stopped, f"{tree.nodes} nodes, {parts.parts} parts with semidefinite bounds")


def _outcome(arrays: DemandArrays, tree: BranchAndBound, stopped: Stopped, message: str) -> Outcome:
    return Outcome(arrays.plan(tree.best[None, :]), tree.bound, stopped, message=message)


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Prove a short local search's placement on one node optimal, or find a better one."""
    return search_tree(arrays, searched_start(arrays, run), run)

"""Local search: tabu over the placements of all nodes, and on one node also over what it leaves out."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeopt.patience import Patience
from edgeopt.placement import tabu_kernel
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.left_out import LeftOutSearch
from edgeopt.run import Run
from edgeopt.solution import Stopped

CHUNK = 250  # iterations between two looks at the clock
DEFAULT_ITERATIONS = (5_000, 1_000, 500_000)  # least, for each (node, model), and most

Placement = NDArray[np.bool_]


class LocalSearch:
    """A tabu search that can be run on and on.

    Moves add a model, swap two models of a node, or drop one. Each iteration makes the best of the allowed moves,
    as the tabu searches for the set-union knapsack problem of Wei and Hao do (arXiv 1903.04966). What a move adds
    and frees is kept incrementally. After `tabu_kernel.IDLE` idle iterations the search goes on from the best or
    the local best placement, less 10 to 60 % of the models of some nodes.

    With one node a `LeftOutSearch` runs beside it; each goes on from what the other finds when that is better.

    Parameters
    ----------
    arrays : DemandArrays
    seed : int
    start : numpy.ndarray of bool, shape (nodes, models)
        Feasible.
    """

    def __init__(self, arrays: DemandArrays, seed: int, start: Placement) -> None:
        self.arrays = arrays
        self.sites = make_sites(arrays)
        self.state = tabu_kernel.make_state(self.sites, seed)
        self.state.values[tabu_kernel.BEST] = -np.inf
        self.left_out: LeftOutSearch | None = None
        if len(arrays.node_names) == 1 and arrays.model_names:
            self.left_out = LeftOutSearch(arrays.knapsack(0, arrays.empty()), seed)
        self.adopt(start)

    def adopt(self, placed: Placement) -> None:
        """Go on from a feasible placement, which is the best one when no better is known."""
        state = self.state
        if placed.size:
            place(self.arrays, state, placed)
            state.values[tabu_kernel.LOCAL_BEST] = state.values[tabu_kernel.VALUE]
            state.local_best[:] = placed
            state.clock[tabu_kernel.LAST_GAIN] = state.clock[tabu_kernel.ITERATION]
        value = state.values[tabu_kernel.VALUE]
        if value >= state.values[tabu_kernel.BEST]:
            state.best[:] = placed
            state.values[tabu_kernel.BEST] = value

    @property
    def best(self) -> Placement:
        """The best placement found, shape (nodes, models)."""
        return self.state.best.copy()

    @property
    def value(self) -> float:
        """Weight that the best placement hits."""
        return float(self.state.values[tabu_kernel.BEST])

    @property
    def iterations(self) -> int:
        """Iterations so far."""
        return int(self.state.clock[tabu_kernel.ITERATION])

    def run(self, run: Run, iterations: int | None = None, target: float = np.inf) -> Stopped:
        """Search on for some iterations (None: until time is up), or until the target or all demand is hit."""
        target = min(target, self.arrays.all_weight - self.sites.least_rise / 2)
        left = np.inf if iterations is None else iterations
        patience = Patience(usual_iterations(self.arrays))
        if not self.arrays.model_names:
            return Stopped.FINISHED
        while left > 0:
            reason = run.stop_reason()
            if reason is not None:
                return reason
            chunk = int(min(CHUNK, left))
            left -= chunk
            reached = tabu_kernel.run(self.sites, self.state, chunk, target) or self._leave_out(chunk, target)
            run.count(chunk)
            run.report(self._number(self.value), plan=partial(self.arrays.plan, self.best))
            if reached or (iterations is None and patience.over(self.value, self.iterations)):
                return Stopped.FINISHED
        return Stopped.ITERATION_LIMIT

    def _leave_out(self, iterations: int, target: float) -> bool:
        """Search over what the only node leaves out, from the better of both best placements; say if it is enough."""
        if self.left_out is None:
            return False
        rise = self.sites.least_rise  # what rounding adds is not better
        if self.value >= self.left_out.value + rise:
            self.left_out.adopt(self.best[0])
        chosen = self.left_out.run(iterations, target)
        if self.left_out.value >= self.value + rise:
            self.adopt(chosen[None])
        return self.value >= target

    def _number(self, value: float) -> float:
        return round(value) if self.arrays.integral else value


def default_iterations(arrays: DemandArrays, run: Run) -> int | None:
    """Return the iterations that the options allow: their limit, none with a time limit, else a number by the size."""
    if run.options.iteration_limit is not None:
        return run.options.iteration_limit
    if run.options.time_limit is not None:
        return None
    return usual_iterations(arrays)


def usual_iterations(arrays: DemandArrays) -> int:
    """Return the iterations of a run without limits."""
    least, each, most = DEFAULT_ITERATIONS
    return min(least + each * int(arrays.useful.sum()), most)


def place(arrays: DemandArrays, state: tabu_kernel.TabuState, placed: Placement) -> None:
    """Make a placement the current one, and count anew what the search keeps incrementally.

    What rounding adds from round to round would pass for something better.
    """
    holds, atom_bytes = arrays.sharing.incidence.astype(np.int64), arrays.sharing.atom_bytes
    models = np.arange(placed.shape[1])
    state.placed[:] = placed
    state.holders[:] = placed.astype(np.int64) @ holds
    state.holder_sum[:] = (placed * models) @ holds
    state.used[:] = (state.holders > 0) @ atom_bytes
    freed, added = (((state.holders == count) * atom_bytes) @ holds.T for count in (1, 0))
    state.change_bytes[:] = np.where(placed, freed, added)
    model_of = np.repeat(models, np.diff(arrays.groups_of))
    stores = placed.T[model_of]
    state.covered[:] = (arrays.reach & stores).sum(axis=1)
    changes = arrays.reach & (state.covered[:, None] == stores)
    state.change_value[:] = 0.0
    np.add.at(state.change_value.T, model_of, arrays.group_weight[:, None] * changes)
    state.values[tabu_kernel.VALUE] = arrays.value(placed)


def make_sites(arrays: DemandArrays) -> tabu_kernel.Sites:
    """Return the instance as the compiled search takes it."""
    rows = arrays.sharing.incidence.tocsr()
    columns = arrays.sharing.incidence.tocsc()
    return tabu_kernel.Sites(
        rows.indptr.astype(np.int32),
        rows.indices.astype(np.int32),
        columns.indptr.astype(np.int32),
        columns.indices.astype(np.int32),
        arrays.sharing.atom_bytes,
        arrays.storage,
        arrays.useful,
        arrays.groups_of,
        arrays.group_weight,
        arrays.reach,
        0.5 if arrays.integral else 1e-9 * arrays.all_weight,
    )

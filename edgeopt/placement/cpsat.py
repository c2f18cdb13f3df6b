"""A second opinion: the placement as clauses and one capacity row for each node, in CP-SAT."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from edgeopt.engines import cpsat
from edgeopt.engines.running import Result
from edgeopt.placement.arrays import DemandArrays
from edgeopt.placement.node_blocks import NodeBlocks
from edgeopt.placement.nothing import unless_nothing_fits
from edgeopt.placement.starts import given_start
from edgeopt.run import Incumbent, Outcome, Run

UNITS = 2**40  # of the total weight, when weights are not whole numbers


def solve_clauses(arrays: DemandArrays, start: NDArray[np.bool_], run: Run) -> Outcome:
    """Maximise the hit weight in CP-SAT.

    Bytes are integers and exact. Weights that are not whole numbers are rounded up to units: the bound stays valid. An
    iteration of the limit is a thousandth of the solver's own units of work.
    """
    model = cp_model.CpModel()
    blocks = NodeBlocks(arrays)
    placed = {(int(n), int(i)): model.new_bool_var(f"x{n},{i}") for n, i in np.argwhere(arrays.useful)}
    stored = {key: model.new_bool_var(f"z{key}") for key in blocks.shared}
    for node, item, block in blocks.needs:
        model.add_implication(placed[node, item], stored[node, block])
    for node, capacity in enumerate(arrays.storage.tolist()):
        own = sum(size * placed[key] for key, size in blocks.own.items() if key[0] == node)
        model.add(own + sum(size * stored[key] for key, size in blocks.shared.items() if key[0] == node) <= capacity)
    needed = {(node, block) for node, item, block in blocks.needs if start[node, item]}
    for key, variable in stored.items():
        model.add_hint(variable, key in needed)
    for key, variable in placed.items():
        model.add_hint(variable, bool(start[key]))
    unit = 1.0 if arrays.integral else arrays.all_weight / UNITS
    model.maximize(_objective(model, arrays, placed, unit))
    known: Incumbent[NDArray[np.bool_]] = Incumbent(run, plan=arrays.plan)
    known.offer(start, arrays.value(start))

    def found(result: Result) -> None:
        decided = arrays.empty()
        for key, variable in placed.items():
            decided[key] = result.true(variable)
        known.offer(decided, arrays.value(decided))

    limit = run.options.iteration_limit
    result = cpsat.solve(
        model,
        run,
        gap=run.options.gap,
        deterministic_limit=None if limit is None else limit / 1000,
        report=lambda _, bound: run.report(None, None if bound is None else bound * unit),
        found=found,
    )
    if result.objective is not None:
        found(result)
    bound = arrays.all_weight if result.bound is None else min(arrays.all_weight, round(result.bound) * unit)
    return Outcome(arrays.plan(start if known.best is None else known.best), bound, result.stopped)


def _objective(
    model: cp_model.CpModel, arrays: DemandArrays, placed: dict[tuple[int, int], cp_model.IntVar], unit: float
) -> cp_model.LinearExpr:
    """Return the weight hit, in units rounded up; a group that several nodes reach needs one of them."""
    literals, weights = [], []
    for group, (item, weight) in enumerate(zip(arrays.group_model.tolist(), arrays.group_weight.tolist(), strict=True)):
        reached = [placed[int(node), item] for node in np.flatnonzero(arrays.reach[group])]
        hit = reached[0]
        if len(reached) > 1:
            hit = model.new_bool_var(f"h{group}")
            model.add_bool_or([*reached, ~hit])
        literals.append(hit)
        weights.append(ceil(weight / unit))
    return cp_model.LinearExpr.weighted_sum(literals, weights)


@unless_nothing_fits
def solve(arrays: DemandArrays, run: Run) -> Outcome:
    """Solve the placement as clauses in CP-SAT."""
    return solve_clauses(arrays, given_start(arrays, run), run)

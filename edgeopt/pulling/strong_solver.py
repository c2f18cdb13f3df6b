"""Solving a core as an integer program, with memory and compute limits verified in integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import Vector
from edgeopt.engines.running import Result
from edgeopt.pulling.assignment import serve_open
from edgeopt.pulling.core import Core, Flags, Floats, Ints
from edgeopt.pulling.strong_form import StrongProgram
from edgeopt.run import Run
from edgeopt.solution import Status, Stopped

# The bound is strong, and without compute limits the start is good: more of HiGHS's heuristics would only take time.
HEURISTIC_EFFORT, HEURISTIC_EFFORT_LIMITED = 0.01, 0.05


class Overwork(Exception):
    """Merged requests that only together exceed a compute limit; the groups are to be split into single units."""

    def __init__(self, groups: Ints) -> None:
        self.groups = groups


def solve_core(
    core: Core,
    run: Run,
    start: Ints | None = None,
    on_bound: Callable[[float], None] | None = None,
    on_amounts: Callable[[Ints], None] | None = None,
) -> tuple[Result, Ints | None]:
    """Solve a core of the instance to proven optimality, its limits kept in integers.

    Parameters
    ----------
    core : Core
        An instance's core with some of its options, groups split or not.
    run : Run
    start : numpy.ndarray of int64, optional
        Units of each option of a feasible solution.
    on_bound : callable, optional
        Called with each better bound in seconds.
    on_amounts : callable, optional
        Called with the units of each option of each better incumbent, which may exceed a limit by the solver's
        tolerance.

    Returns
    -------
    Result
        Objective and bound in seconds.
    numpy.ndarray of int64 or None
        Units of each option.
    """
    program = StrongProgram(core)
    linear = program.program()
    effort = HEURISTIC_EFFORT_LIMITED if core.limited.any() else HEURISTIC_EFFORT
    solver = HighsSolver(linear, run, {"mip_heuristic_effort": effort, "mip_detect_symmetry": False})
    point = None if start is None else program.point(start)

    def report(objective: float | None, bound: float | None) -> None:
        if bound is not None and on_bound is not None:
            on_bound(bound)

    def served(values: Vector) -> tuple[Flags, Ints]:
        opened = program.opened(values)
        return opened, serve_open(core, opened, np.rint(values[: core.options]).astype(np.int64))

    while True:
        result = solver.solve(
            gap=run.options.gap,
            start=point,
            report=report,
            node_limit=run.options.iteration_limit,
            found=None if on_amounts is None else lambda values: on_amounts(served(values)[1]),
        )
        if result.values is None:
            return result, None
        opened, amounts = served(result.values)
        cuts = _cover_cuts(program, opened & core.opened(amounts), amounts)
        if cuts is None:
            return result, amounts
        if result.stopped != Stopped.PROVED:
            return result, start
        matrix, upper = cuts
        solver.add_rows(matrix, np.full(len(upper), -np.inf), upper)


def servable(core: Core, run: Run) -> bool | None:
    """Say whether HiGHS finds room for all groups; None when it is stopped before it knows."""
    while True:
        try:
            result, amounts = solve_core(core, run)
        except Overwork as overwork:
            core, _ = split_units(core, overwork.groups)
        else:
            return True if amounts is not None else (False if result.status == Status.INFEASIBLE else None)


def _cover_cuts(program: StrongProgram, opened: Flags, amounts: Ints) -> tuple[sparse.csr_array, Floats] | None:
    """Cut off a solution that exceeds a limit by less than the solver's tolerance; None when it exceeds none.

    A minimal cover is a set of m items that do not fit together, though any m - 1 of them do. So at most m - 1 of them
    are opened; the same holds for the cover and all items that are at least as large as its largest.
    """
    core = program.core
    columns: list[Ints] = []
    sizes: list[int] = []
    for site in np.flatnonzero(core.overfull(opened) > 0).tolist():
        sized = np.where(program.opening[site] >= 0, core.atom_bytes[site], 0)
        cover = minimal_cover(sized, np.flatnonzero(opened[site]), int(core.memory[site]))
        columns.append(program.opening[site, extended(sized, cover)])
        sizes.append(len(cover))
    for site in np.flatnonzero(core.overworked(amounts) > 0).tolist():
        used = np.flatnonzero((amounts > 0) & (core.option_site == site))
        groups = core.option_group[used]
        if (core.units[groups] > 1).any():
            raise Overwork(np.unique(groups))
        here = np.where(core.option_site == site, core.option_work, 0)
        cover = minimal_cover(here, used, int(core.work_limit[site]))
        columns.append(extended(here, cover))
        sizes.append(len(cover))
    if not columns:
        return None
    rows = np.repeat(np.arange(len(columns)), [len(items) for items in columns])
    shape = (len(columns), program.columns)
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, np.concatenate(columns))), shape=shape)
    return matrix, np.array(sizes, float) - 1


def minimal_cover(size: Ints, chosen: Ints, limit: int) -> Ints:
    """Return some of the chosen items that together exceed the limit, none of which can be spared."""
    order = chosen[np.argsort(size[chosen], kind="stable")]
    excess = sum(size[order].tolist()) - limit
    kept = []
    for item in order.tolist():
        if size[item] < excess:
            excess -= int(size[item])
        else:
            kept.append(item)
    return np.array([item for item in kept if size[item] > 0], np.int64)


def extended(size: Ints, cover: Ints) -> Ints:
    """Return the cover and all items at least as large as its largest."""
    return np.union1d(cover, np.flatnonzero(size >= size[cover].max()))


def split_units(core: Core, groups: Ints) -> tuple[Core, Ints]:
    """Make a group of each unit of some groups.

    Returns
    -------
    Core
    numpy.ndarray of int64
        Option of the given core behind each option of the new one.
    """
    split = np.zeros(core.groups, bool)
    split[groups] = True
    copies = np.where(split, core.units, 1)
    first = np.cumsum(copies) - copies
    old, copy = [], []
    for group in range(core.groups):
        options = np.arange(core.group_start[group], core.group_start[group + 1])
        old.append(np.tile(options, copies[group]))
        copy.append(np.repeat(first[group] + np.arange(copies[group]), len(options)))
    behind, new_group = np.concatenate(old), np.concatenate(copy)
    return (
        core.replaced(
            units=np.where(split, 1, core.units).repeat(copies),
            cloud_cost=core.cloud_cost.repeat(copies),
            option_group=new_group,
            option_model=core.option_model[behind],
            option_site=core.option_site[behind],
            option_cost=core.option_cost[behind],
            option_work=core.option_work[behind],
        ),
        behind,
    )


def split_amounts(split: Core, amounts: Ints, behind: Ints) -> Ints:
    """Return the amounts of a split copy from those of the core that it was made of."""
    left, divided = amounts.copy(), np.zeros(split.options, np.int64)
    free = split.units.copy()
    for option, old in enumerate(behind.tolist()):
        group = split.option_group[option]
        divided[option] = min(free[group], left[old])
        free[group] -= divided[option]
        left[old] -= divided[option]
    return divided

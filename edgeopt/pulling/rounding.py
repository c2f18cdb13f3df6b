"""`rounding`: the linear relaxation of the strong form rounded at random, repaired by whole atoms, and polished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil, log

import numpy as np

from edgeopt.pulling import rounding_kernels
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Core, Flags, Ints
from edgeopt.pulling.cpsat import servable
from edgeopt.pulling.derandomized import conditional_thresholds
from edgeopt.pulling.greedy import known_total
from edgeopt.pulling.infeasibility import infeasible_if_confirmed
from edgeopt.pulling.local_search import LocalSearch
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance, unless_decoupled
from edgeopt.pulling.relaxation import LinearRelaxation
from edgeopt.pulling.repair import repaired
from edgeopt.run import Outcome, Run

DRAWS = 20
DERANDOMIZED = "derandomized threshold"
POLISHING_ROUNDS = 2


def independent(core: Core, relaxation: LinearRelaxation, rng: np.random.Generator) -> Flags:
    """Each group draws its option, or the cloud, with the relaxation's probabilities; its atoms are opened."""
    assert relaxation.values is not None
    share = relaxation.values[: core.options] / core.units[core.option_group]
    before = np.concatenate([[0.0], np.cumsum(share)])
    start = core.group_start
    draw = before[start[:-1]] + rng.random(core.groups)
    pick = np.searchsorted(before[1:], draw, side="right")
    taken = np.flatnonzero(pick < start[1:])
    amounts = np.zeros(core.options, np.int64)
    amounts[pick[taken]] = 1
    return core.opened(amounts)


def by_threshold(core: Core, relaxation: LinearRelaxation, rng: np.random.Generator) -> Flags:
    """Each site draws one threshold, and opens the atoms of at least that value."""
    theta = 1 - rng.random((core.sites, 1))
    opened: Flags = core.costly & (relaxation.openings() >= theta)
    return opened


def kleinberg_tardos(core: Core, relaxation: LinearRelaxation, rng: np.random.Generator) -> Flags:
    """Draw a label (model, site) or the cloud and a threshold, again and again.

    The groups that are still unassigned and whose x for the label reaches the threshold take it.
    """
    assert relaxation.values is not None
    share = relaxation.values[: core.options] / core.units[core.option_group]
    used = np.flatnonzero(share > 0)
    in_cloud = 1 - np.bincount(core.option_group, share, minlength=core.groups)
    label = core.option_site[used] * core.models + core.option_model[used]
    names, runs = np.unique(label, return_inverse=True)
    order = np.argsort(runs, kind="stable")
    start = np.searchsorted(runs[order], np.arange(len(names) + 1))
    labels = rounding_kernels.Labels(start, used[order], core.option_group, share, in_cloud)
    steps = enough_steps(len(names) + 1, core.groups)
    choices, thetas = rng.integers(len(names) + 1, size=steps), 1 - rng.random(steps)
    waiting, amounts = np.ones(core.groups, np.bool_), np.zeros(core.options, np.int64)
    rounding_kernels.take_labels(labels, choices, thetas, waiting, amounts)
    return core.opened(amounts)


def enough_steps(labels: int, groups: int) -> int:
    """Return so many steps of Kleinberg and Tardos that with probability 1 - 1 / (e^2 groups) nobody waits after them.

    A group waits after t steps with probability at most (1 - 1 / labels)^t.
    """
    return ceil(2 * labels * (1 + log(max(1, groups))))


VARIANTS: dict[str, Callable[[Core, LinearRelaxation, np.random.Generator], Flags]] = {
    "independent": independent,
    "kleinberg-tardos": kleinberg_tardos,
    "threshold": by_threshold,
}


def solve_rounding(reduced: ReducedInstance, run: Run, start: Ints | None = None) -> Outcome:
    """Round the relaxation without chance and by three variants in turn, repair, complete, and polish the best.

    Returns
    -------
    Outcome
        Its bound is the value of the relaxation; the message states the observed ratio.
    """
    core = reduced.core
    openings, rng = Openings(core), np.random.default_rng(run.options.seed)
    known = known_total(openings, run)
    relaxation = LinearRelaxation(reduced.relaxed.up_to(known), run, opened=openings.opened)
    if relaxation.infeasible:
        return infeasible_if_confirmed(reduced, run, servable)
    best, best_opened, winner = np.inf, np.zeros_like(openings.state.opened), "nothing opened"
    if relaxation.bound is not None:
        run.report(None, relaxation.bound)
        for name, opened in _drawn(openings, relaxation, run, rng):
            openings.restore(opened)
            openings.insert(run, np.arange(core.sites) if name == DERANDOMIZED else np.empty(0, np.int64), 1.0)
            if openings.total < best:
                best, best_opened, winner = openings.total, openings.opened, name
    openings.restore(best_opened)
    openings.insert(run, np.arange(core.sites), 1.0)
    local = LocalSearch(openings, run, rng, reduced.plan)
    if start is not None and core.cost(start) < local.best:
        local.best, local.amounts = core.cost(start), start
    local.run(POLISHING_ROUNDS, exact_sites=bool(core.limited.any()))
    stopped = run.stop_reason() or Outcome().stopped
    if local.amounts is None:
        return Outcome(None, relaxation.bound, stopped, message="no rounding could be repaired")
    message = f"best rounding: {winner}"
    if relaxation.bound:
        message += f"; {local.best / relaxation.bound:.5f} of the relaxation's value"
    return Outcome(reduced.plan(local.amounts), relaxation.bound, stopped, message=message)


def _drawn(
    openings: Openings, relaxation: LinearRelaxation, run: Run, rng: np.random.Generator
) -> Iterator[tuple[str, Flags]]:
    """Yield what each variant opens, by name, until the draws or the time are over."""
    core, values = openings.core, relaxation.openings()
    yield DERANDOMIZED, conditional_thresholds(core, openings.arrays, values)
    for _ in range(run.options.iteration_limit or DRAWS):
        for name, variant in VARIANTS.items():
            if run.stop_reason() is not None:
                return
            yield name, repaired(core, variant(core, relaxation, rng), values)


@on_reduced_instance
@unless_decoupled
def solve(reduced: ReducedInstance, run: Run) -> Outcome:
    """Round the linear relaxation of the strong form at random, repair and polish."""
    return solve_rounding(reduced, run, reduced.start(run))

"""Instances without a plan: why requests cannot be served together, and the confirmation by a second solver."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeopt.errors import ProgramError
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Core
from edgeopt.pulling.greedy import greedy_opening
from edgeopt.pulling.openings import Openings
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

LISTED = 3


def infeasible_if_confirmed(
    reduced: ReducedInstance, run: Run, servable: Callable[[Core, Run], bool | None]
) -> Outcome:
    """Return what a solver's word that no plan exists is worth.

    Parameters
    ----------
    reduced : ReducedInstance
    run : Run
    servable : callable
        Another solver: whether it finds room for all groups of a core; None when it is stopped before it knows.

    Raises
    ------
    ProgramError
        The greedy or the other solver finds a plan.
    """
    core = reduced.core
    openings = Openings(core)
    _, opened = greedy_opening(openings, run)
    openings.restore(opened)
    stranded = np.isinf(core.cloud_cost)
    if openings.amounts() is not None:
        raise ProgramError("a solver calls the instance infeasible, but the greedy finds a plan")
    part = reduced.relaxed.restricted(stranded[core.option_group])
    part = part.replaced(
        cloud_cost=np.where(stranded, np.inf, 0.0),
        option_cost=np.zeros(part.options),
        atom_pull=np.zeros_like(part.atom_pull),
    )
    confirmed = servable(part, run.part(run.remaining_s()))
    if confirmed:
        raise ProgramError("a solver calls the instance infeasible, but another solver does not")
    if confirmed is None:
        stopped = run.stop_reason() or Stopped.FINISHED
        return Outcome(stopped=stopped, message="one solver found no plan; no other has confirmed that there is none")
    return Outcome(infeasible=True, message=jointly_unservable(reduced))


def jointly_unservable(reduced: ReducedInstance) -> str:
    """Name the requests that cannot all be served, each of which could be alone."""
    groups = np.flatnonzero(np.isinf(reduced.core.cloud_cost)).tolist()
    names = [name for group in groups for name in reduced.groups.members[group]]
    shown = ", ".join(repr(name) for name in names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    return (
        f"the {len(names)} requests that cannot be served in the cloud ({shown}) exceed the memory or compute limits "
        "of the cloudlets that they can reach: each could be served alone, but not all together"
    )

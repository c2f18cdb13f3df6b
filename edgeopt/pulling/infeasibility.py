"""Why a request cannot be served, in one sentence, and who confirms it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeopt.errors import ProgramError
from edgeopt.pulling.arrays import Arrays
from edgeopt.pulling.core import Core
from edgeopt.pulling.greedy import greedy_opening
from edgeopt.pulling.openings import Search
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

LISTED = 3


def infeasible_if_confirmed(arrays: Arrays, run: Run, servable: Callable[[Core, Run], bool | None]) -> Outcome:
    """Return what a solver's word that no plan exists is worth.

    Parameters
    ----------
    arrays : Arrays
    run : Run
    servable : callable
        Another solver: whether it finds room for all groups of a core; None when it is stopped before it knows.

    Raises
    ------
    ProgramError
        The greedy or the other solver finds a plan.
    """
    core = arrays.core
    search = Search(core)
    _, opened = greedy_opening(search, run)
    search.restore(opened)
    stranded = np.isinf(core.cloud_cost)
    if search.amounts() is not None:
        raise ProgramError("a solver calls the instance infeasible, but the greedy finds a plan")
    part = arrays.relaxed.restricted(stranded[core.option_group])
    part = part.replaced(
        cloud_cost=np.where(stranded, np.inf, 0.0),
        option_cost=np.zeros(part.options),
        atom_pull=np.zeros_like(part.atom_pull),
    )
    found = servable(part, run.part(run.remaining_s()))
    if found:
        raise ProgramError("a solver calls the instance infeasible, but another solver does not")
    if found is None:
        stopped = run.stop_reason() or Stopped.FINISHED
        return Outcome(stopped=stopped, message="one solver found no plan; no other has confirmed that there is none")
    return Outcome(infeasible=True, message=jointly_unservable(arrays))


def jointly_unservable(arrays: Arrays) -> str:
    """Name the requests that cannot all be served, each of which could be alone."""
    groups = np.flatnonzero(np.isinf(arrays.core.cloud_cost)).tolist()
    names = [name for group in groups for name in arrays.groups.members[group]]
    shown = ", ".join(repr(name) for name in names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    return (
        f"the {len(names)} requests that cannot reach the cloud ({shown}) exceed the memory or compute limits of the "
        "cloudlets that they can reach: each could be served alone, but not all together"
    )

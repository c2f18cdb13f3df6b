"""Why a request cannot be served, in one sentence, and who confirms it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeopt.errors import ProgramError
from edgeopt.pulling.arrays import Arrays
from edgeopt.pulling.core import Core
from edgeopt.pulling.greedy import greedy_opening
from edgeopt.pulling.search import Search
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

LISTED = 3


def unservable(arrays: Arrays) -> str | None:
    """Name a request that no plan can serve, and why; None when each alone can be served."""
    core = arrays.core
    without = np.diff(core.group_start) == 0
    for group in np.flatnonzero(without & np.isinf(core.cloud_cost)).tolist():
        return f"the request {arrays.groups.members[group][0]!r} cannot be served: {_reason(arrays, group)}"
    return None


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


def _reason(arrays: Arrays, group: int) -> str:
    instance, network = arrays.instance, arrays.network
    request = instance.requests[arrays.groups.members[group][0]]
    models = arrays.groups.models[group]
    if not len(models):
        accuracies = [m.accuracy for m in instance.library.models.values() if m.task == request.task]
        known = [accuracy for accuracy in accuracies if accuracy is not None]
        best = f"the most accurate one has {max(known):g}" if known else "there is none for the task"
        return f"no model for {request.task!r} has an accuracy of at least {request.min_accuracy:g} ({best})"
    reached = np.isfinite(network.routes.latency_s[arrays.groups.node[group], :-1])
    if not reached.any():
        return f"the node {request.node!r} reaches neither the cloud nor a cloudlet ({instance.routing} routing)"
    sites = np.flatnonzero(reached)
    sizes, free = network.model_bytes[np.ix_(sites, models)], network.memory[sites]
    if (sizes > free[:, None]).all():
        site, model = np.unravel_index(np.argmin(sizes - free[:, None]), sizes.shape)
        return (
            f"its node does not reach the cloud, and no admissible model fits a cloudlet that it reaches: the nearest "
            f"to fit, {network.library.sharing.model_names[models[model]]!r} at "
            f"{network.routes.sites[sites[site]]!r}, needs {sizes[site, model]} bytes and {free[site]} are free"
        )
    if not network.fits[np.ix_(sites, models)].any():
        return "its node does not reach the cloud, and the cloudlets that it reaches cannot pull a model from there"
    return "its node does not reach the cloud, and the compute limit of each cloudlet that it reaches is too small"

"""Requests that no plan can serve, each for itself, and why."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.arrays import ReducedInstance


def unservable(reduced: ReducedInstance) -> str | None:
    """Name a request that no plan can serve, and why; None when each alone can be served."""
    for group in _unservable_groups(reduced):
        return f"the request {reduced.groups.members[group][0]!r} cannot be served: {_reason(reduced, group)}"
    return None


def unservable_requests(reduced: ReducedInstance) -> dict[str, str]:
    """Return all requests that no plan can serve, each with the reason."""
    reasons = {}
    for group in _unservable_groups(reduced):
        reasons |= dict.fromkeys(reduced.groups.members[group], _reason(reduced, group))
    return reasons


def _unservable_groups(reduced: ReducedInstance) -> list[int]:
    core = reduced.core
    without = np.diff(core.group_start) == 0
    groups: list[int] = np.flatnonzero(without & np.isinf(core.cloud_cost)).tolist()
    return groups


def _reason(reduced: ReducedInstance, group: int) -> str:
    instance, network = reduced.instance, reduced.network
    request = instance.requests[reduced.groups.members[group][0]]
    models = reduced.groups.models[group]
    if not len(models):
        accuracies = [m.accuracy for m in instance.library.models.values() if m.task == request.task]
        known = [accuracy for accuracy in accuracies if accuracy is not None]
        best = f"the most accurate one has {max(known):g}" if known else "there is none for the task"
        return f"no model for {request.task!r} has an accuracy of at least {request.min_accuracy:g} ({best})"
    reached = np.isfinite(network.routes.latency_s[reduced.groups.node[group], :-1])
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

"""Requests that no plan can serve, each for itself, and why."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Ints
from edgeopt.pulling.instance import PullingInstance, Request
from edgeopt.pulling.pulls import pulling_delays


def unservable(reduced: ReducedInstance) -> str | None:
    """Name a request that no plan can serve, and why; None when each alone can be served."""
    for group in _unservable_groups(reduced):
        return f"the request {reduced.groups.members[group][0]!r} cannot be served: {_reason(reduced, group)}"
    return None


def unservable_requests(reduced: ReducedInstance) -> dict[str, str]:
    """Return all requests that no plan can serve, each with the reason."""
    reasons: dict[str, str] = {}
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
        return _no_model(instance, request)
    allowed = reduced.groups.allowed[group]
    reached = np.isfinite(network.routes.latency_s[reduced.groups.node[group]]) & allowed
    if not reached.any():
        if request.sites is not None:
            named = ", ".join(map(repr, request.sites))
            return f"the node {request.node!r} reaches none of its sites {named} ({instance.routing} routing)"
        return f"the node {request.node!r} reaches neither the cloud nor a cloudlet ({instance.routing} routing)"
    no_cloud = "its node does not reach the cloud" if allowed[-1] else "it may not be served in the cloud"
    sites = np.flatnonzero(reached[:-1])
    if not len(sites):
        return f"{no_cloud}, and its node reaches no cloudlet"
    sizes, free = network.model_bytes[np.ix_(sites, models)], network.memory[sites]
    if (sizes > free[:, None]).all():
        site, model = np.unravel_index(np.argmin(sizes - free[:, None]), sizes.shape)
        return (
            f"{no_cloud}, and no admissible model fits a cloudlet that it reaches: the nearest "
            f"to fit, {network.library.sharing.model_names[models[model]]!r} at "
            f"{network.routes.sites[sites[site]]!r}, needs {sizes[site, model]} bytes and {free[site]} are free"
        )
    if not network.fits[np.ix_(sites, models)].any():
        return f"{no_cloud}, and {_no_sender(reduced, sites, models)}"
    return f"{no_cloud}, and the compute limit of each cloudlet that it reaches is too small"


def _no_model(instance: PullingInstance, request: Request) -> str:
    """Say why no model is admissible."""
    if request.offers:
        dear = [offer.cost for offer in request.offers.values() if offer.cost is not None]
        limits = [] if request.min_accuracy is None else [f"an accuracy of at least {request.min_accuracy:g}"]
        if request.max_cost is not None:
            limits.append(f"a cost of at most {request.max_cost:g} (the least is {min(dear):g})")
        return f"none of its {len(request.offers)} models has {' and '.join(limits)}"
    accuracies = [m.accuracy for m in instance.library.models.values() if m.task == request.task]
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    best = f"the most accurate one has {max(known):g}" if known else "there is none for the task"
    return f"no model for {request.task!r} has an accuracy of at least {request.min_accuracy:g} ({best})"


def _no_sender(reduced: ReducedInstance, sites: Ints, models: Ints) -> str:
    """Say which block nobody can send, for a model that would fit."""
    network = reduced.network
    site, model = np.argwhere(network.model_bytes[np.ix_(sites, models)] <= network.memory[sites][:, None])[0]
    name = network.library.sharing.model_names[models[model]]
    blocks = list(network.library.models[name].blocks)
    delays = pulling_delays(reduced.instance, network.routes, blocks)[sites[site]]
    senders = {"cloud": "the cloud", "peers": "a cloudlet that has it", "any": "the cloud or a cloudlet that has it"}
    return (
        "the cloudlets that it reaches cannot pull a model: "
        f"{network.routes.sites[sites[site]]!r} lacks the block {blocks[int(np.argmax(np.isinf(delays)))]!r} of "
        f"{name!r}, and no route leads from {senders[reduced.instance.sources]}"
    )

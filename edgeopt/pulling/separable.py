"""Separable instances of any size, laid out in arrays without a list of all options.

An instance is separable when every request has one admissible model, no two of these models share a block, there are
no compute limits, and the cloud serves everyone. Then the profits of one cloudlet, the others fixed, add up: each
cloudlet is a 0/1 knapsack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeopt.pulling.admissible import admissible_models
from edgeopt.pulling.cache_kernels import Caches
from edgeopt.pulling.core import Flags, Floats, Ints
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.site_network import SiteNetwork, compile_network
from edgeopt.solution import Plan

LARGE = 1_000_000  # choices of request, model and site; above it, no list of options is made


def choices(instance: PullingInstance) -> int:
    """Return an upper bound on the number of options: for each request its models times the sites it may reach."""
    cloudlets = instance.cloudlets.keys()
    reach: dict[str, int] = {}
    if instance.routing == "direct":
        for link in instance.links:
            for here, there in (link.between, link.between[::-1]):
                reach[here] = reach.get(here, 0) + (there in cloudlets)
    total = 0
    admissible = admissible_models(instance)
    for name, request in instance.requests.items():
        sites = len(cloudlets)
        if instance.routing == "direct":
            sites = reach.get(request.node, 0) + (request.node in cloudlets)
        if request.sites is not None:
            sites = min(sites, sum(site in cloudlets for site in request.sites))
        total += sites * len(admissible[name].models)
    return total


def why_inseparable(instance: PullingInstance) -> str | None:
    """Say why an instance is not separable, or None when it is."""
    if any(cloudlet.compute_flops is not None for cloudlet in instance.cloudlets.values()):
        return "some cloudlet has a compute limit"
    if any(cloudlet.resident for cloudlet in instance.cloudlets.values()):
        return "some cloudlet has resident blocks"
    if instance.waiting != "once":
        return "each request waits for its pulls"
    if any(instance.queues.values()):
        return "some site has a queue"
    admissible = admissible_models(instance)
    for name, kind in admissible.items():
        if len(kind.models) != 1:
            return f"the request {name!r} has {len(kind.models)} admissible models, not one"
        if instance.requests[name].sites is not None or any(kind.delay_s):
            return f"the request {name!r} has sites or a delay of its own"
    seen: dict[str, str] = {}
    for model in {kind.models[0] for kind in admissible.values()}:
        for block in instance.library.models[model].blocks:
            if block in seen:
                return f"the models {seen[block]!r} and {model!r} share the block {block!r}"
            seen[block] = model
    reached = _cloud_reaches(instance)
    for name, request in instance.requests.items():
        if request.node not in reached:
            return f"the request {name!r} does not reach the cloud"
    return None


def _cloud_reaches(instance: PullingInstance) -> set[str]:
    neighbours: dict[str, list[str]] = {}
    for link in instance.links:
        for here, there in (link.between, link.between[::-1]):
            neighbours.setdefault(here, []).append(there)
    reached, waiting = {instance.cloud.name}, [instance.cloud.name]
    while waiting:
        for node in neighbours.get(waiting.pop(), ()):
            if node not in reached:
                reached.add(node)
                if instance.routing == "shortest":
                    waiting.append(node)
    return reached


@dataclass
class SeparableInstance:
    """A separable instance for the kernels.

    Attributes
    ----------
    members : list of list of str
        Requests of each group.
    caches : Caches
    cloud_total : float
        Seconds when everything is served in the cloud.
    """

    instance: PullingInstance
    network: SiteNetwork
    members: list[list[str]]
    caches: Caches
    cloud_total: float

    def plan(self, held: Flags, where: Ints) -> Plan:
        """Make the plan that serves each group where the kernels say."""
        names, sites = self.network.library.sharing.model_names, self.network.routes.sites
        assignments: dict[str, dict[str, str]] = {}
        for group, members in enumerate(self.members):
            choice = {"model": names[self.caches.item[group]], "site": sites[where[group]]}
            for name in members:
                assignments[name] = choice
        return {"assignments": {name: assignments[name] for name in self.instance.requests}}


def compile_separable(instance: PullingInstance) -> SeparableInstance:
    """Sum equal requests and lay out savings by node and site; memory grows with requests and nodes x sites only."""
    resolved = admissible_models(instance)
    network = compile_network(instance, resolved.values())
    index = {name: position for position, name in enumerate(network.library.models)}
    routes = network.routes
    merged: dict[tuple[int, int, float, int], list[str]] = {}
    for name, request in instance.requests.items():
        key = (routes.nodes[request.node], index[resolved[name].models[0]], request.input_bits, request.samples)
        merged.setdefault(key, []).append(name)
    keys = sorted(merged)
    members = [merged[key] for key in keys]
    node, item = (np.array([key[field] for key in keys], np.int64) for field in (0, 1))
    count = np.array([sum(instance.requests[name].count for name in names) for names in members], np.float64)
    bits = count * np.array([key[2] for key in keys])
    work = count * np.array([key[3] for key in keys]) * network.flops[item]
    speed = 1 / instance.cloud.speed_flops_per_s - 1 / network.speed
    latency, rate = _savings(network)
    gains = np.isfinite(latency) & _may_gain(latency, rate, speed, network, bool(work.any()))
    site_start, site_nodes = _compressed(gains.T)
    node_site_start, node_sites = _compressed(gains)
    order = np.argsort(item, kind="stable")
    caches = Caches(
        node_start=np.searchsorted(node, np.arange(len(routes.nodes) + 1)),
        node=node,
        item=item,
        count=count,
        bits=bits,
        work=work,
        latency=np.where(gains, latency, -np.inf),
        rate=np.where(gains, rate, 0.0),
        speed=speed,
        site_start=site_start,
        site_nodes=site_nodes,
        node_site_start=node_site_start,
        node_sites=node_sites,
        item_start=np.searchsorted(item[order], np.arange(len(index) + 1)),
        item_groups=order,
        size=network.library.sharing.model_bytes,
        pull=np.ascontiguousarray((network.incidence @ np.minimum(network.atom_pull, 1e30).T).T),
        room=network.memory,
    )
    from_cloud = count * routes.latency_s[node, -1] + bits * routes.s_per_bit[node, -1]
    total = float((from_cloud + work / instance.cloud.speed_flops_per_s).sum())
    return SeparableInstance(instance, network, members, caches, total)


def _savings(network: SiteNetwork) -> tuple[Floats, Floats]:
    """Return the seconds saved per request and per bit at each site instead of the cloud, shape (nodes, sites)."""
    routes = network.routes
    with np.errstate(invalid="ignore"):
        latency = routes.latency_s[:, -1:] - routes.latency_s[:, :-1]
        rate = routes.s_per_bit[:, -1:] - routes.s_per_bit[:, :-1]
    reached = np.isfinite(routes.latency_s[:, :-1]) & np.isfinite(routes.latency_s[:, -1:])
    return np.where(reached, latency, -np.inf), np.where(reached, rate, 0.0)


def _may_gain(latency: Floats, rate: Floats, speed: Floats, network: SiteNetwork, computing: bool) -> Flags:
    """Say whether any request from a node may save something at a site."""
    gain: Flags = (latency > 0) | (rate > 0)
    return gain | (speed > 0)[None, :] if computing else gain


def _compressed(flags: Flags) -> tuple[Ints, Ints]:
    """Return the starts and columns of the true entries, row by row."""
    return np.append(0, np.cumsum(flags.sum(axis=1))).astype(np.int64), np.nonzero(flags)[1].astype(np.int64)

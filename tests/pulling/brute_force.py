"""The optimum of small `pulling` instances by trying every assignment, straight from the statement of the problem."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

from edgeopt.pulling.instance import PullingInstance

INFINITE = (Fraction(10**30), Fraction(10**30))


def optimum(instance: PullingInstance) -> tuple[float | None, dict[str, Any] | None]:
    """Return the least total delay and a plan that has it; None, None when there is no plan."""
    best: tuple[Fraction | None, dict[str, Any] | None] = (None, None)
    route = _routes(instance)
    choices = [_choices(instance, route, name) for name in instance.requests]
    for combination in itertools.product(*choices):
        cost = _cost(instance, route, combination)
        if cost is not None and (best[0] is None or cost < best[0]):
            chosen = zip(instance.requests, combination, strict=True)
            best = cost, {name: {"model": model, "site": site} for name, (model, site, _, _) in chosen}
    if best[0] is None:
        return None, None
    return float(best[0]), {"assignments": best[1]}


def _routes(instance: PullingInstance) -> dict[tuple[str, str], tuple[Fraction, Fraction]]:
    """Floyd and Warshall's algorithm on pairs (seconds per bit, latency)."""
    nodes = list(instance.nodes)
    route = {(u, v): INFINITE for u in nodes for v in nodes}
    for link in instance.links:
        u, v = link.between
        offer = (1 / Fraction(link.bandwidth_bps), Fraction(link.latency_s))
        route[u, v] = route[v, u] = min(route[u, v], offer)
    for node in nodes:
        route[node, node] = (Fraction(0), Fraction(0))
    if instance.routing == "shortest":
        for k, u, v in itertools.product(nodes, nodes, nodes):
            through = (route[u, k][0] + route[k, v][0], route[u, k][1] + route[k, v][1])
            route[u, v] = min(route[u, v], through)
    return route


def _choices(instance: PullingInstance, route: Any, name: str) -> list[tuple[str, str, Fraction, Fraction]]:
    request, found = instance.requests[name], []
    for model, entry in instance.library.models.items():
        given = Fraction(0)
        if isinstance(request.models, dict):
            if model not in request.models:
                continue
            terms = request.models[model]
            accuracy = entry.accuracy if terms.accuracy is None else terms.accuracy
            if request.min_accuracy is not None and accuracy < request.min_accuracy:
                continue
            if request.max_cost is not None and terms.cost > request.max_cost:
                continue
            given = Fraction(terms.delay_s)
        elif request.models is not None:
            if model not in request.models:
                continue
        elif entry.task != request.task or entry.accuracy < request.min_accuracy:
            continue
        for site in [instance.cloud.name, *instance.cloudlets]:
            way = route[request.node, site]
            if way >= INFINITE or (request.sites is not None and site not in request.sites):
                continue
            place = instance.cloud if site == instance.cloud.name else instance.cloudlets[site]
            work = request.samples * Fraction(entry.flops_per_sample)
            delay = way[1] + Fraction(request.input_bits) * way[0] + work / Fraction(place.speed_flops_per_s)
            delay += given + Fraction(place.queue_s or 0)
            if site != instance.cloud.name and instance.waiting != "once":
                arrivals = [_arrival(instance, route, site, block) for block in entry.blocks]
                if None in arrivals:
                    continue
                delay += sum(arrivals) if instance.waiting == "serial" else max(arrivals, default=Fraction(0))
            found.append((model, site, request.count * delay, request.count * work))
    return found


def _cost(instance: PullingInstance, route: Any, combination: Any) -> Fraction | None:
    total = sum((cost for _, _, cost, _ in combination), Fraction(0))
    for site, cloudlet in instance.cloudlets.items():
        here = [(model, work) for model, where, _, work in combination if where == site]
        limit = cloudlet.compute_flops
        if limit is not None and sum(work for _, work in here) > Fraction(limit):
            return None
        resident = set(cloudlet.resident or [])
        blocks = {block for model, _ in here for block in instance.library.models[model].blocks} - resident
        if sum(instance.library.blocks[block] for block in blocks | resident) > cloudlet.memory_bytes:
            return None
        for block in blocks:
            arrival = _arrival(instance, route, site, block)
            if arrival is None:
                return None
            if instance.waiting == "once":
                total += arrival
    return total


def _arrival(instance: PullingInstance, route: Any, site: str, block: str) -> Fraction | None:
    """Return the seconds after which a block is at a cloudlet; None when nobody sends it."""
    cloudlet = instance.cloudlets[site]
    if block in (cloudlet.resident or []):
        return Fraction(0)
    override = cloudlet.pull_delay_s
    if isinstance(override, dict):
        override = override.get(block)
    if override is not None:
        return Fraction(override)
    senders = [instance.cloud.name] if instance.sources in ("cloud", "any") else []
    if instance.sources in ("peers", "any"):
        senders += [name for name, other in instance.cloudlets.items() if block in (other.resident or [])]
    ways = [route[sender, site] for sender in senders if route[sender, site] < INFINITE]
    return min((way[1] + 8 * instance.library.blocks[block] * way[0] for way in ways), default=None)

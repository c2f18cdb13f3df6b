"""The referee of `pulling`: serves a plan request by request, adds up delays, and lists what it breaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import fsum, lcm
from typing import Any

from edgeopt.libraries.library import Model
from edgeopt.pulling.instance import PullingInstance, Request
from edgeopt.solution import CheckReport, Plan, Violation

Label = tuple[int, int]


@dataclass
class Service:
    """A plan as it is carried out.

    Attributes
    ----------
    transmission_s, compute_s, pulling_s, queue_s, given_s : list of float
        Parts of the total delay; the last is what requests take with their models by themselves.
    used : dict of str to set of str
        Models that each cloudlet serves with.
    pulled : dict of str to dict of str to str
        Blocks that each cloudlet pulls for them, and from whom; from "" where the cloudlet's own delays say nothing.
    violations : list of Violation
    """

    transmission_s: list[float] = field(default_factory=list)
    compute_s: list[float] = field(default_factory=list)
    pulling_s: list[float] = field(default_factory=list)
    queue_s: list[float] = field(default_factory=list)
    given_s: list[float] = field(default_factory=list)
    used: dict[str, set[str]] = field(default_factory=dict)
    pulled: dict[str, dict[str, str]] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def breaks(self, constraint: str, where: str, amount: float, unit: str) -> None:
        """Note a violated constraint."""
        self.violations.append(Violation(constraint, where, float(amount), unit))


def check(instance: PullingInstance, plan: Plan) -> CheckReport:
    """Score a plan and list every violated constraint.

    Parameters
    ----------
    instance : PullingInstance
    plan : dict
        ``{"assignments": {request: {"model": str, "site": str}}}``

    Returns
    -------
    CheckReport
        The objective is the total delay in seconds; None when the plan cannot be read.
    """
    faults = _form_faults(plan)
    if faults:
        return CheckReport(None, faults)
    service = serve(instance, plan)
    parts = {
        "transmission_s": fsum(service.transmission_s),
        "compute_s": fsum(service.compute_s),
        "pulling_s": fsum(service.pulling_s),
    }
    others = {"queue_s": service.queue_s, "given_delay_s": service.given_s}
    parts |= {name: fsum(values) for name, values in others.items() if any(values)}
    total = fsum([*service.transmission_s, *service.compute_s, *service.pulling_s, *service.queue_s, *service.given_s])
    return CheckReport(total, service.violations, {**parts, **_metrics(instance, plan, service, total)})


def serve(instance: PullingInstance, plan: Plan) -> Service:
    """Carry out a well-formed plan; what it breaks is noted and the rest goes on."""
    service, network = Service(), _Network(instance)
    assignments = plan["assignments"]
    for name in assignments.keys() - instance.requests.keys():
        service.breaks("known request", f"request {name!r}", 1, "request")
    for name, request in instance.requests.items():
        if name not in assignments:
            service.breaks("every request is served", f"request {name!r}", 1, "request")
        else:
            _serve_request(instance, network, name, request, assignments[name], service)
    for site, models in service.used.items():
        _pull(instance, network, site, models, service)
        _check_compute(instance, site, assignments, service)
    return service


def _serve_request(
    instance: PullingInstance,
    network: _Network,
    name: str,
    request: Request,
    choice: Mapping[str, str],
    service: Service,
) -> None:
    site, model_name = choice["site"], choice["model"]
    model = instance.library.models.get(model_name)
    if model is None:
        service.breaks("known model", f"request {name!r}, model {model_name!r}", 1, "model")
        return
    if not _admissible(request, model_name, model):
        service.breaks("admissible model", f"request {name!r}, model {model_name!r}", 1, "model")
    if site != instance.cloud.name and site not in instance.cloudlets:
        service.breaks("known site", f"request {name!r}, site {site!r}", 1, "site")
        return
    if request.sites is not None and site not in request.sites:
        service.breaks("allowed site", f"request {name!r}, site {site!r}", 1, "site")
    place = instance.cloud if site == instance.cloud.name else instance.cloudlets[site]
    if site in instance.cloudlets:
        service.used.setdefault(site, set()).add(model_name)
        if instance.waiting != "once":
            _wait(instance, network, name, request, site, model, service)
    sending = network.delay_s(request.node, site, request.input_bits)
    if sending is None:
        service.breaks("route", f"request {name!r} from {request.node!r} to {site!r}", 1, "route")
    else:
        service.transmission_s.append(request.count * sending)
    work = request.samples * (model.flops_per_sample or 0.0)
    service.compute_s.append(request.count * (work / place.speed_flops_per_s))
    service.queue_s.append(request.count * (place.queue_s or 0.0))
    if model_name in request.offers:
        service.given_s.append(request.count * request.offers[model_name].delay_s)


def _admissible(request: Request, name: str, model: Model) -> bool:
    """Say whether a model may serve a request, wherever that is."""
    if request.models is None:
        return model.task == request.task and (model.accuracy or 0.0) >= (request.min_accuracy or 0.0)
    if name not in request.models or not request.offers:
        return name in request.models
    offer = request.offers[name]
    accuracy = model.accuracy if offer.accuracy is None else offer.accuracy
    accurate = request.min_accuracy is None or (accuracy is not None and accuracy >= request.min_accuracy)
    return accurate and (request.max_cost is None or (offer.cost is not None and offer.cost <= request.max_cost))


def _wait(
    instance: PullingInstance,
    network: _Network,
    name: str,
    request: Request,
    site: str,
    model: Model,
    service: Service,
) -> None:
    """Let the requests wait until all blocks of the model have come."""
    waits = []
    for block in set(model.blocks) - set(instance.cloudlets[site].resident or ()):
        arrival = network.pull_s(site, block)
        if arrival is None:  # `_pull` notes it
            return
        waits.append(arrival[0])
    service.pulling_s.append(request.count * (fsum(waits) if instance.waiting == "serial" else max(waits, default=0.0)))


def _pull(instance: PullingInstance, network: _Network, site: str, models: set[str], service: Service) -> None:
    """Pull each block that is not there once, and compare the memory with its limit to the byte."""
    cloudlet, library = instance.cloudlets[site], instance.library
    resident = set(cloudlet.resident or ())
    needed = {block for model in models for block in library.models[model].blocks} - resident
    pulled = service.pulled[site] = {}
    for block in sorted(needed):
        arrival = network.pull_s(site, block)
        if arrival is None:
            senders = {"cloud": "the cloud", "peers": "a cloudlet", "any": "the cloud or a cloudlet"}
            where = f"block {block!r} from {senders[instance.sources]} to {site!r}"
            service.breaks("route", where, 1, "route")
        elif instance.waiting == "once":
            service.pulling_s.append(arrival[0])
        pulled[block] = "" if arrival is None else arrival[1]
    excess = sum(library.blocks[block] for block in resident | needed) - cloudlet.memory_bytes
    if excess > 0:
        service.breaks("memory", f"cloudlet {site!r}", excess, "bytes")


def _check_compute(
    instance: PullingInstance, site: str, assignments: Mapping[str, Mapping[str, str]], service: Service
) -> None:
    """Compare the operations with their limit as exact rationals."""
    limit = instance.cloudlets[site].compute_flops
    if limit is None:
        return
    work = Fraction(0)
    for name, request in instance.requests.items():
        choice = assignments.get(name)
        if choice is not None and choice["site"] == site and choice["model"] in instance.library.models:
            flops = instance.library.models[choice["model"]].flops_per_sample or 0.0
            work += request.samples * request.count * Fraction(flops)
    if work > Fraction(limit):
        service.breaks("compute", f"cloudlet {site!r}", float(work - Fraction(limit)), "operations")


class _Network:
    """Routes as the problem defines them, found by correcting labels until none improves.

    Sums are compared exactly: in integers, over the common denominators of seconds per bit and of latencies.
    """

    def __init__(self, instance: PullingInstance) -> None:
        self.instance = instance
        self.reached: dict[str, dict[str, Label]] = {}
        self.delays: dict[tuple[str, str], tuple[float, float] | None] = {}
        self.per_bit = lcm(*{Fraction(link.bandwidth_bps).numerator for link in instance.links})
        self.per_s = lcm(*{Fraction(link.latency_s).denominator for link in instance.links})

    @cached_property
    def steps(self) -> dict[str, list[tuple[str, int, int]]]:
        """Each node's neighbours with the exact label of the link."""
        return {
            here: [
                (there, int(self.per_bit / Fraction(bandwidth)), int(self.per_s * Fraction(latency)))
                for there, (latency, bandwidth) in ends.items()
            ]
            for here, ends in self.links.items()
        }

    @cached_property
    def links(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Best link between each two nodes: latency and bandwidth."""
        best: dict[str, dict[str, tuple[float, float]]] = {}
        for link in self.instance.links:
            offer = (link.latency_s, link.bandwidth_bps)
            for here, there in (link.between, link.between[::-1]):
                known = best.setdefault(here, {}).get(there)
                if known is None or (-offer[1], offer[0]) < (-known[1], known[0]):
                    best[here][there] = offer
        return best

    def labels(self, start: str) -> dict[str, Label]:
        """Return the seconds per bit and latency to every node that is reached, as multiples of their units."""
        if start not in self.reached:
            label: dict[str, Label] = {start: (0, 0)}
            waiting = deque([start])
            while waiting:
                node = waiting.popleft()
                for end, per_bit, latency in self.steps.get(node, ()):
                    offer = (label[node][0] + per_bit, label[node][1] + latency)
                    if end not in label or offer < label[end]:
                        label[end] = offer
                        waiting.append(end)
            self.reached[start] = label
        return self.reached[start]

    def route(self, node: str, site: str) -> tuple[float, float] | None:
        """Return the latency and seconds per bit of the route, or None when there is none."""
        if node == site:
            return 0.0, 0.0
        if (node, site) not in self.delays:
            delays = None
            if self.instance.routing == "direct":
                link = self.links.get(node, {}).get(site)
                if link is not None:
                    delays = link[0], float(1 / Fraction(link[1]))
            else:
                label = self.labels(site).get(node)
                if label is not None:
                    delays = label[1] / self.per_s, label[0] / self.per_bit
            self.delays[node, site] = delays
        return self.delays[node, site]

    def delay_s(self, node: str, site: str, bits: float) -> float | None:
        """Return the seconds that `bits` take, or None without a route."""
        route = self.route(node, site)
        return None if route is None else route[0] + bits * route[1]

    @cached_property
    def holders(self) -> dict[str, list[str]]:
        """The nodes that send each block, besides the cloud."""
        found: dict[str, list[str]] = {}
        for name, cloudlet in self.instance.cloudlets.items():
            for block in cloudlet.resident or ():
                found.setdefault(block, []).append(name)
        return found

    def pull_s(self, site: str, block: str) -> tuple[float, str] | None:
        """Return the seconds that a block takes to a site that lacks it, and its sender; None when nobody sends it."""
        override = self.instance.cloudlets[site].pull_delay_s
        if isinstance(override, dict):
            override = override.get(block)
        if override is not None:
            return override, ""
        senders = [] if self.instance.sources == "peers" else [self.instance.cloud.name]
        if self.instance.sources != "cloud":
            senders += self.holders.get(block, [])
        bits = 8 * self.instance.library.blocks[block]
        offers = ((self.delay_s(site, sender, bits), sender) for sender in senders)
        return min(((delay, sender) for delay, sender in offers if delay is not None), default=None)


def _metrics(instance: PullingInstance, plan: Plan, service: Service, total_s: float) -> dict[str, float]:
    library, blocks = instance.library, instance.library.blocks
    pulled = sum(blocks[block] for held in service.pulled.values() for block in held)
    separately = sum(
        blocks[block]
        for site, models in service.used.items()
        for model in models
        for block in set(library.models[model].blocks) - set(instance.cloudlets[site].resident or ())
    )
    metrics = {"pulled_bytes": float(pulled), "sharing_saved_bytes": float(separately - pulled)}
    if instance.sources != "cloud":
        sent = [(block, sender) for held in service.pulled.values() for block, sender in held.items()]
        metrics["peer_bytes"] = float(sum(blocks[block] for block, sender in sent if sender in instance.cloudlets))
    served = [
        (request, library.models[choice["model"]], choice["site"], request.offers.get(choice["model"]))
        for name, request in instance.requests.items()
        if (choice := plan["assignments"].get(name)) is not None and choice["model"] in library.models
    ]
    counts = sum(request.count for request, *_ in served)
    if counts:
        at_edge = sum(request.count for request, _, site, _ in served if site != instance.cloud.name)
        metrics["edge_share"] = at_edge / counts
        accuracies = [
            model.accuracy if offer is None or offer.accuracy is None else offer.accuracy
            for _, model, _, offer in served
        ]
        if None not in accuracies:
            weights = [request.count for request, *_ in served]
            weighted = fsum(w * (accuracy or 0.0) for w, accuracy in zip(weights, accuracies, strict=True))
            metrics["mean_accuracy"] = weighted / counts
    offered = [
        request.count * offer.cost for request, *_, offer in served if offer is not None and offer.cost is not None
    ]
    prices = instance.prices
    if prices is not None:
        cost = [prices.per_pulled_byte * pulled, prices.per_delay_s * total_s]
        for request, model, site, _ in served:
            flops = request.count * request.samples * (model.flops_per_sample or 0.0)
            at_cloud = site == instance.cloud.name
            cost.append(flops * (prices.per_cloud_flop if at_cloud else prices.per_cloudlet_flop))
            if site != request.node:
                cost.append(prices.per_sent_bit * request.count * request.input_bits)
        offered += cost
    if prices is not None or offered:
        metrics["cost"] = fsum(offered)
    return metrics


def _form_faults(plan: Any) -> list[Violation]:
    """Return what keeps the plan from being read at all."""

    def fault(where: str) -> Violation:
        return Violation("form of the plan", where, 1)

    if not isinstance(plan, Mapping):
        return [fault("the plan is not an object")]
    faults = [fault(f"unknown key {key!r}") for key in plan if key != "assignments"]
    assignments = plan.get("assignments")
    if not isinstance(assignments, Mapping):
        return [*faults, fault("'assignments' is not an object")]
    for name, choice in assignments.items():
        if not (
            isinstance(choice, Mapping)
            and set(choice) == {"model", "site"}
            and all(isinstance(value, str) for value in choice.values())
        ):
            faults.append(fault(f"the assignment of {name!r} is not {{'model': name, 'site': name}}"))
    return faults

"""The referee of `caching` evaluates given caches, deliveries and beamformers. It never optimises, knows no method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import fsum, hypot, inf, isfinite, log, log1p
from typing import Any

from edgeopt.caching.instance import CachingInstance
from edgeopt.solution import CheckReport, Plan, Violation

TOLERANCE = 1e-9  # relative, on power; storage has none

Beam = Mapping[str, list[list[float]]]


@dataclass(frozen=True)
class Delivery:
    """One broadcast of a block, evaluated.

    Attributes
    ----------
    scenario : int
    block : str
    nodes, users : tuple of str
        The nodes that send it together; the users that requested it.
    migration_s : float
        Until the last of the nodes has the block.
    broadcast_s : float
        Until the weakest user has it, at the robust rate.
    rate_bps : float
    weakest : str
        The user with the least robust signal-to-noise ratio.
    missing : str
        The node that cannot get the block, or nothing.
    """

    scenario: int
    block: str
    nodes: tuple[str, ...]
    users: tuple[str, ...]
    migration_s: float
    broadcast_s: float
    rate_bps: float
    weakest: str
    missing: str

    @property
    def delay_s(self) -> float:
        """Migration and broadcast, t_j."""
        return self.migration_s + self.broadcast_s


@dataclass
class Evaluation:
    """A plan evaluated delivery by delivery."""

    deliveries: list[Delivery] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def breaks(self, constraint: str, where: str, amount: float, unit: str = "") -> None:
        """Note a violated constraint."""
        self.violations.append(Violation(constraint, where, float(amount), unit))


def check(instance: CachingInstance, plan: Plan) -> CheckReport:
    """Score a plan and list every violated constraint.

    Parameters
    ----------
    instance : CachingInstance
    plan : dict
        ``{"cached": {node: [block]}, "deliveries": [{"scenario": int, "block": str, "nodes": [node], "beamformer":
        {node: [[re, im] per antenna]}}]}``; beamformers in square roots of watts.

    Returns
    -------
    CheckReport
        The objective is the expected total delay in seconds; None when the plan cannot be read or a delivery is
        missing or never ends. An infinite delay is a violation that names block, users and cause.
    """
    faults = list(_form_faults(plan))
    if faults:
        return CheckReport(None, faults)
    evaluation = evaluate(instance, plan)
    shares = [_share(instance, delivery) for delivery in evaluation.deliveries]
    complete = not any(violation.constraint == "delivered once" for violation in evaluation.violations)
    expected = fsum(share * delivery.delay_s for share, delivery in zip(shares, evaluation.deliveries, strict=True))
    if not complete or not isfinite(expected):
        return CheckReport(None, evaluation.violations)
    parts = list(zip(shares, evaluation.deliveries, strict=True))
    return CheckReport(
        expected,
        evaluation.violations,
        {
            "migration_s": fsum(share * delivery.migration_s for share, delivery in parts),
            "broadcast_s": fsum(share * delivery.broadcast_s for share, delivery in parts),
            "cached_bytes": float(_cached_bytes(instance, plan)),
            "nodes_per_delivery": fsum(len(d.nodes) for d in evaluation.deliveries) / max(1, len(parts)),
        },
    )


def evaluate(instance: CachingInstance, plan: Plan) -> Evaluation:
    """Evaluate a well-formed plan; what it breaks is noted and the evaluation goes on."""
    evaluation = Evaluation()
    _check_caches(instance, plan, evaluation)
    cached = {node: set(blocks) for node, blocks in plan["cached"].items()}
    requests = [instance.requesters(scenario) for scenario in range(len(instance.scenarios))]
    times: dict[tuple[int, str], int] = {}
    for number, delivery in enumerate(plan["deliveries"]):
        scenario, block = delivery["scenario"], delivery["block"]
        users = requests[scenario].get(block) if 0 <= scenario < len(requests) else None
        if not users:
            evaluation.breaks("block requested", f"delivery {number}: {block!r} in scenario {scenario}", 1, "block")
            continue
        times[scenario, block] = times.get((scenario, block), 0) + 1
        if _nodes_and_beams_fit(instance, number, delivery, evaluation):
            evaluation.deliveries.append(_evaluated(instance, delivery, users, cached))
    for scenario, blocks in enumerate(requests):
        for block in blocks:
            count = times.get((scenario, block), 0)
            if count != 1:
                where = f"block {block!r} in scenario {scenario}: {count} deliveries"
                evaluation.breaks("delivered once", where, abs(count - 1), "deliveries")
    for sent in evaluation.deliveries:
        if not isfinite(sent.delay_s):
            evaluation.breaks("finite delay", _why_infinite(sent), 1, "delivery that never ends")
    return evaluation


def _share(instance: CachingInstance, delivery: Delivery) -> float:
    return instance.scenarios[delivery.scenario].probability * len(delivery.users)


def _cached_bytes(instance: CachingInstance, plan: Plan) -> int:
    return sum(instance.library.blocks.get(block, 0) for blocks in plan["cached"].values() for block in set(blocks))


def _check_caches(instance: CachingInstance, plan: Plan, evaluation: Evaluation) -> None:
    """Nodes and blocks are known, no block stands twice, and the blocks fit, to the byte."""
    for node, blocks in plan["cached"].items():
        if node not in instance.nodes:
            evaluation.breaks("known node", f"cache of {node!r}", 1, "node")
            continue
        stored = 0
        for block in sorted(set(blocks)):
            if block not in instance.library.blocks:
                evaluation.breaks("known block", f"cache of {node!r}: {block!r}", 1, "block")
                continue
            stored += instance.library.blocks[block]
        if len(set(blocks)) < len(blocks):
            evaluation.breaks("cached once", f"cache of {node!r}", len(blocks) - len(set(blocks)), "blocks")
        excess = stored - instance.nodes[node].storage_bytes
        if excess > 0:
            evaluation.breaks("storage", f"node {node!r}", excess, "bytes")


def _nodes_and_beams_fit(
    instance: CachingInstance, number: int, delivery: Mapping[str, Any], evaluation: Evaluation
) -> bool:
    """Say whether the delivery can be evaluated: known nodes, each once, with a beamformer of the right length.

    Power is checked too, but a delivery with too much of it can be evaluated.
    """
    nodes, beams, where = delivery["nodes"], delivery["beamformer"], f"delivery {number}"
    sound = True
    if not nodes or len(set(nodes)) < len(nodes):
        evaluation.breaks("set of nodes", f"{where}: empty, or a node twice", 1, "delivery")
        sound = False
    for node in dict.fromkeys([*nodes, *beams]):
        if node not in instance.nodes:
            evaluation.breaks("known node", f"{where}: {node!r}", 1, "node")
            sound = False
        elif (node in beams) != (node in nodes):
            evaluation.breaks("beamformers of its nodes", f"{where}: {node!r} has one or sends, not both", 1, "node")
            sound = False
        elif len(beams[node]) != instance.nodes[node].antennas:
            evaluation.breaks("antennas", f"{where}: beamformer of {node!r}", len(beams[node]), "coefficients")
            sound = False
        else:
            excess = _norm(beams[node]) ** 2 - instance.nodes[node].power_w
            if excess > TOLERANCE * instance.nodes[node].power_w:
                evaluation.breaks("power", f"{where}: node {node!r}", excess, "W")
    return sound


def _evaluated(
    instance: CachingInstance, delivery: Mapping[str, Any], users: list[str], cached: Mapping[str, set[str]]
) -> Delivery:
    block, nodes = delivery["block"], delivery["nodes"]
    bits = 8 * instance.library.blocks[block]
    waits = {node: _migration_s(instance, node, block, bits, cached) for node in nodes}
    slowest = max(nodes, key=waits.__getitem__)
    amplitudes = {user: robust_amplitude(instance, delivery["beamformer"], user) for user in users}
    weakest = min(users, key=amplitudes.__getitem__)
    ratio = max(0.0, amplitudes[weakest]) ** 2 / instance.radio.noise_w
    rate = instance.radio.bandwidth_hz * log1p(ratio) / log(2)
    return Delivery(
        scenario=delivery["scenario"],
        block=block,
        nodes=tuple(nodes),
        users=tuple(users),
        migration_s=waits[slowest],
        broadcast_s=bits / rate if rate > 0 else (inf if bits else 0.0),
        rate_bps=rate,
        weakest=weakest,
        missing=slowest if waits[slowest] == inf else "",
    )


def _migration_s(instance: CachingInstance, node: str, block: str, bits: int, cached: Mapping[str, set[str]]) -> float:
    """Return the seconds until a node has a block: 0 where cached, else from the cloud or over one link."""
    if not bits or block in cached.get(node, ()):
        return 0.0
    backhaul = instance.backhaul
    rates = [backhaul.cloud_bps[node]] if node in backhaul.cloud_bps else []
    rates += [link.rate_bps for link in backhaul.links if link.to == node and block in cached.get(link.source, ())]
    return bits / max(rates) if rates else inf


def robust_amplitude(instance: CachingInstance, beams: Beam, user: str) -> float:
    """Return the least received amplitude over the error ball, in square roots of watts; may be negative.

    Each node's channel may be off by a vector of length at most ``csi_error``, which at worst points against the
    beamformer, so that the nodes lose ``csi_error`` times the sum of the lengths of their beamformers.
    """
    received = complex(0)
    for node, beam in beams.items():
        for (real, imaginary), (beam_real, beam_imaginary) in zip(
            instance.radio.channels[node][user], beam, strict=True
        ):
            received += complex(real, -imaginary) * complex(beam_real, beam_imaginary)
    return abs(received) - instance.radio.csi_error * fsum(map(_norm, beams.values()))


def _norm(beam: list[list[float]]) -> float:
    return hypot(*(part for coefficient in beam for part in coefficient))


def _why_infinite(delivery: Delivery) -> str:
    users = ", ".join(map(repr, delivery.users))
    if delivery.missing:
        cause = f"node {delivery.missing!r} sends, but neither caches the block nor can fetch it"
    else:
        cause = f"the rate to user {delivery.weakest!r} is 0"
    return f"block {delivery.block!r} for {users} in scenario {delivery.scenario}: {cause}"


DELIVERY_KEYS = {"scenario", "block", "nodes", "beamformer"}


def _form_faults(plan: Any) -> Iterator[Violation]:
    """Return what keeps the plan from being read at all."""

    def fault(where: str) -> Violation:
        return Violation("form of the plan", where, 1)

    if not isinstance(plan, Mapping):
        yield fault("the plan is not an object")
        return
    for key in plan:
        if key not in ("cached", "deliveries"):
            yield fault(f"unknown key {key!r}")
    cached, deliveries = plan.get("cached"), plan.get("deliveries")
    if not isinstance(cached, Mapping) or not all(map(_is_names, cached.values())):
        yield fault("'cached' is not {node: [blocks]}")
    if not isinstance(deliveries, list):
        yield fault("'deliveries' is not a list")
        return
    for number, delivery in enumerate(deliveries):
        if not (
            isinstance(delivery, Mapping)
            and set(delivery) == DELIVERY_KEYS
            and isinstance(delivery["scenario"], int)
            and not isinstance(delivery["scenario"], bool)
            and isinstance(delivery["block"], str)
            and _is_names(delivery["nodes"])
            and _is_beamformer(delivery["beamformer"])
        ):
            form = "{'scenario': number, 'block': name, 'nodes': [names], 'beamformer': {name: [[re, im]]}}"
            yield fault(f"delivery {number} is not {form}")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_beamformer(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(beam, list) and all(isinstance(pair, list) and len(pair) == 2 and _are_finite(pair) for pair in beam)
        for beam in value.values()
    )


def _are_finite(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) for value in values)

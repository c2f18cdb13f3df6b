"""The referee of `placement`: adds up the demand that a plan hits and the storage it needs. It knows no method."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import Any

from edgeopt.placement.instance import PlacementInstance
from edgeopt.solution import CheckReport, Number, Plan, Violation


def check(instance: PlacementInstance, plan: Plan) -> CheckReport:
    """Score a plan and list every violated constraint.

    Parameters
    ----------
    instance : PlacementInstance
    plan : dict
        ``{"placed": {node: [model]}}``; a node that is left out stores nothing.

    Returns
    -------
    CheckReport
        The objective is the weight of the demand rows with a node that stores their model: an integer when all
        weights are. None when the plan cannot be read.
    """
    faults = _form_faults(plan)
    if faults:
        return CheckReport(None, faults)
    placed: Mapping[str, list[str]] = plan["placed"]
    violations = [*_reference_faults(instance, placed), *_storage_faults(instance, placed)]
    hit = _hit_weight(instance, placed)
    total = _total([row.weight for row in instance.demand])
    used = [_stored_bytes(instance, placed.get(node, [])) for node in instance.nodes]
    storage = sum(node.storage_bytes for node in instance.nodes.values())
    metrics = {
        "hit_ratio": float(hit / total) if total else 0.0,
        "stored_bytes": float(sum(used)),
        "storage_used_ratio": sum(used) / storage if storage else 0.0,
        "models_placed": float(sum(len(set(models)) for models in placed.values())),
    }
    return CheckReport(hit, violations, metrics)


def _hit_weight(instance: PlacementInstance, placed: Mapping[str, list[str]]) -> Number:
    held = {node: set(placed.get(node, [])) for node in instance.nodes}
    return _total([row.weight for row in instance.demand if any(row.model in held[node] for node in row.nodes)])


def _total(weights: list[Number]) -> Number:
    return sum(weights) if all(isinstance(weight, int) for weight in weights) else fsum(weights)


def _stored_bytes(instance: PlacementInstance, models: list[str]) -> int:
    blocks = {
        block for model in models if model in instance.library.models for block in instance.library.models[model].blocks
    }
    return sum(instance.library.blocks[block] for block in blocks)


def _reference_faults(instance: PlacementInstance, placed: Mapping[str, list[str]]) -> list[Violation]:
    """Find nodes and models that are unknown, and models that stand twice on a node."""
    faults = []
    for node, models in placed.items():
        if node not in instance.nodes:
            faults.append(Violation("known node", f"node {node!r}", 1, "node"))
        for model in dict.fromkeys(models):
            if model not in instance.library.models:
                faults.append(Violation("known model", f"node {node!r}, model {model!r}", 1, "model"))
            elif models.count(model) > 1:
                faults.append(
                    Violation("placed once", f"node {node!r}, model {model!r}", models.count(model) - 1, "times")
                )
    return faults


def _storage_faults(instance: PlacementInstance, placed: Mapping[str, list[str]]) -> list[Violation]:
    """Find nodes whose models' blocks, each once, do not fit into the storage to the byte."""
    faults = []
    for name, node in instance.nodes.items():
        excess = _stored_bytes(instance, placed.get(name, [])) - node.storage_bytes
        if excess > 0:
            faults.append(Violation("storage", f"node {name!r}", excess, "bytes"))
    return faults


def _form_faults(plan: Any) -> list[Violation]:
    """Return what keeps the plan from being read at all."""

    def fault(where: str) -> Violation:
        return Violation("form of the plan", where, 1)

    if not isinstance(plan, Mapping):
        return [fault("the plan is not an object")]
    faults = [fault(f"unknown key {key!r}") for key in plan if key != "placed"]
    placed = plan.get("placed")
    if not isinstance(placed, Mapping):
        return [*faults, fault("'placed' is not an object")]
    for node, models in placed.items():
        if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
            faults.append(fault(f"the models of node {node!r} are not a list of names"))
    return faults

"""The referee of `residency`: adds up the seconds of loading and the memory at each request. It knows no method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import fsum
from typing import Any

from edgeopt.residency.instance import ResidencyInstance
from edgeopt.solution import CheckReport, Plan, Violation

Loads = dict[int, list[str]]


def check(instance: ResidencyInstance, plan: Plan) -> CheckReport:
    """Score a plan and list every violated constraint.

    Parameters
    ----------
    instance : ResidencyInstance
    plan : dict
        ``{"loads": [{"request": 0, "blocks": ["b1"]}]}``: what is loaded at which request, counted from 0. What a
        request needs and does not load was kept since the last request that needed it, and takes memory all the time.

    Returns
    -------
    CheckReport
        The objective is the seconds of loading. None when the plan cannot be read.
    """
    faults = _form_faults(instance, plan)
    if faults:
        return CheckReport(None, faults)
    loads: Loads = {entry["request"]: entry["blocks"] for entry in plan["loads"]}
    faults = _block_faults(instance, loads)
    kept_bytes, absent = _kept(instance, loads)
    sizes = {model: instance.library.size_bytes(model) for model in set(instance.requests)}
    used = [kept + sizes[model] for kept, model in zip(kept_bytes, instance.requests, strict=True)]
    over = [
        Violation(
            "memory", f"request {index}, model {instance.requests[index]!r}", size - instance.memory_bytes, "bytes"
        )
        for index, size in enumerate(used)
        if size > instance.memory_bytes
    ]
    return CheckReport(_seconds(instance, loads), [*faults, *absent, *over], _metrics(instance, loads, used))


def _seconds(instance: ResidencyInstance, loads: Loads) -> float:
    known = [block for blocks in loads.values() for block in blocks if block in instance.load_s]
    fixed = [instance.fixed_s.get(instance.requests[index], 0.0) for index, blocks in loads.items() if blocks]
    return fsum([*(instance.load_s[block] for block in known), *fixed])


def _kept(instance: ResidencyInstance, loads: Loads) -> tuple[Sequence[int], list[Violation]]:
    """Return the bytes kept at each request beside its own model, and the blocks that are there by no load."""
    changes = [0] * (len(instance.requests) + 1)
    last: dict[str, int] = {}
    absent = []
    for index, model in enumerate(instance.requests):
        loaded = set(loads.get(index, ()))
        for block in instance.library.models[model].blocks:
            if block not in loaded:
                if block not in last:
                    where = f"request {index}, model {model!r}: block {block!r} has never been loaded"
                    absent.append(Violation("loaded", where, 1, "block"))
                else:
                    changes[last[block] + 1] += instance.library.blocks[block]
                    changes[index] -= instance.library.blocks[block]
            last[block] = index
    return list(accumulate(changes))[:-1], absent


def _block_faults(instance: ResidencyInstance, loads: Loads) -> list[Violation]:
    """Find blocks that are loaded twice at a request, or that its model does not hold."""
    faults = []
    for index, blocks in loads.items():
        model = instance.requests[index]
        held = set(instance.library.models[model].blocks)
        for block in dict.fromkeys(blocks):
            where = f"request {index}, model {model!r}, block {block!r}"
            if block not in held:
                faults.append(Violation("block of the model", where, 1, "block"))
            elif blocks.count(block) > 1:
                faults.append(Violation("loaded once", where, blocks.count(block) - 1, "times"))
    return faults


def _metrics(instance: ResidencyInstance, loads: Loads, used: list[int]) -> dict[str, float]:
    cold = sum(1 for blocks in loads.values() if blocks)
    sizes = instance.library.blocks
    return {
        "loads": float(cold),
        "loaded_bytes": float(sum(sizes.get(block, 0) for blocks in loads.values() for block in blocks)),
        "warm_ratio": 1.0 - cold / len(instance.requests) if instance.requests else 1.0,
        "peak_bytes": float(max(used, default=0)),
    }


def _form_faults(instance: ResidencyInstance, plan: Any) -> list[Violation]:
    """Return what keeps the plan from being read at all."""

    def fault(where: str) -> Violation:
        return Violation("form of the plan", where, 1)

    if not isinstance(plan, Mapping):
        return [fault("the plan is not an object")]
    faults = [fault(f"unknown key {key!r}") for key in plan if key != "loads"]
    loads = plan.get("loads")
    if not isinstance(loads, list):
        return [*faults, fault("'loads' is not a list")]
    seen: set[int] = set()
    for position, entry in enumerate(loads):
        if not isinstance(entry, Mapping) or set(entry) != {"request", "blocks"}:
            faults.append(fault(f"entry {position} of 'loads' is not an object with 'request' and 'blocks'"))
            continue
        index, blocks = entry["request"], entry["blocks"]
        if type(index) is not int or not 0 <= index < len(instance.requests):
            faults.append(fault(f"entry {position} of 'loads': there is no request {index!r}"))
        elif index in seen:
            faults.append(fault(f"request {index} stands twice in 'loads'"))
        else:
            seen.add(index)
        if not isinstance(blocks, list) or not all(isinstance(block, str) for block in blocks):
            faults.append(fault(f"the blocks of entry {position} of 'loads' are not a list of names"))
    return faults

"""Why demand is not hit: from its data where that settles it, else from what it would displace in the plan."""

from __future__ import annotations

from math import fsum
from typing import NamedTuple

from edgeopt.placement.instance import Demand, PlacementInstance
from edgeopt.quantities import number, quantity
from edgeopt.solution import Number, Plan

NOTHING, UNREACHED, UNFIT = "worth nothing", "out of reach", "does not fit"
WORTH, ROOM = "not worth its room", "there is room"
TRIED_NODES = 3  # for each model, those that hit the most demand with it
LISTED = 3


class Displacement(NamedTuple):
    """A model put on a node, and what has to go from there.

    Attributes
    ----------
    node : str
    gone : list of str
        Without these models it fits.
    gain, loss : int or float
        Weight that is hit beyond the plan's, and that no other node hits of what goes.
    free_bytes, needed_bytes : int
        What is free on the node, and what the model needs beyond the blocks that are there.
    """

    node: str
    gone: list[str]
    gain: Number
    loss: Number
    free_bytes: int
    needed_bytes: int


def missed(instance: PlacementInstance, plan: Plan) -> list[tuple[Demand, str]]:
    """Return the rows of demand that a feasible plan does not hit, each with the reason; what stands before its colon
    is the kind of reason.

    Rows that no plan hits have a reason that speaks of every plan. The others have one that speaks of this plan: which
    models would have to go from a node for the row's model to fit, and the weights on both sides.
    """
    placed = {node: set(plan["placed"].get(node, ())) for node in instance.nodes}
    rows = [row for row in instance.demand if not any(row.model in placed[node] for node in row.nodes)]
    left: dict[str, list[Demand]] = {}
    for row in rows:
        left.setdefault(row.model, []).append(row)
    weights = _exclusive_weights(instance, placed)
    known: dict[tuple[str, frozenset[str]], str] = {}
    reasons = []
    for row in rows:
        key = (row.model, frozenset(row.nodes))
        if row.weight and key not in known:
            known[key] = _hopeless(instance, row) or _priced(instance, placed, weights, row, left[row.model])
        reasons.append((row, known[key] if row.weight else f"{NOTHING}: its weight is 0"))
    return reasons


def _hopeless(instance: PlacementInstance, row: Demand) -> str:
    """Say why no plan hits a row, or nothing."""
    if not row.nodes:
        return f"{UNREACHED}: no node can deliver {row.model!r} to it in time"
    size = instance.library.size_bytes(row.model)
    largest = max(row.nodes, key=lambda node: instance.nodes[node].storage_bytes)
    storage = instance.nodes[largest].storage_bytes
    if size <= storage:
        return ""
    needs = f"{UNFIT}: {row.model!r} needs {quantity(size, 'B')}"
    return f"{needs}, the largest node that reaches it, {largest!r}, stores {quantity(storage, 'B')}"


def _priced(
    instance: PlacementInstance,
    placed: dict[str, set[str]],
    weights: dict[tuple[str, str], list[Number]],
    row: Demand,
    left: list[Demand],
) -> str:
    size = instance.library.size_bytes(row.model)
    gains = {node: _total([other.weight for other in left if node in other.nodes]) for node in row.nodes}
    tried = sorted(gains, key=lambda node: -gains[node])
    tried = [node for node in tried if size <= instance.nodes[node].storage_bytes][:TRIED_NODES]
    options = [displacement(instance, placed[node], weights, node, row.model, gains[node]) for node in tried]
    best = max(options, key=lambda option: option.gain - option.loss)
    if not best.gone:
        needed, free = quantity(best.needed_bytes, "B"), quantity(best.free_bytes, "B")
        return f"{ROOM}: on {best.node!r} it needs {needed} more, and {free} are free; the plan can be improved"
    shown = ", ".join(map(repr, best.gone[:LISTED])) + (", ..." if len(best.gone) > LISTED else "")
    improves = "; the plan can be improved" if best.gain > best.loss else ""
    return (
        f"{WORTH}: on {best.node!r} it would hit {number(best.gain)}, and {shown} with {number(best.loss)} "
        f"would have to go{improves}"
    )


def displacement(
    instance: PlacementInstance,
    held: set[str],
    weights: dict[tuple[str, str], list[Number]],
    node: str,
    model: str,
    gain: Number,
) -> Displacement:
    """Put a model on a node that it fits alone: those that hit the least go until there is room, needless ones stay."""
    library, storage = instance.library, instance.nodes[node].storage_bytes
    used = library.union_bytes(held)

    def weight(name: str) -> Number:
        return _total(weights.get((node, name), []))

    order = sorted(held, key=lambda name: (weight(name), name))
    count = 0
    while library.union_bytes([model, *order[count:]]) > storage:
        count += 1
    gone, kept = [], order[count:]
    for name in reversed(order[:count]):
        if library.union_bytes([model, name, *kept]) <= storage:
            kept.append(name)
        else:
            gone.append(name)
    loss = _total([part for name in gone for part in weights.get((node, name), [])])
    return Displacement(node, gone, gain, loss, storage - used, library.union_bytes([model, *held]) - used)


def _exclusive_weights(instance: PlacementInstance, placed: dict[str, set[str]]) -> dict[tuple[str, str], list[Number]]:
    """Return the weights of the rows that only one node hits, by node and model."""
    weights: dict[tuple[str, str], list[Number]] = {}
    for row in instance.demand:
        hitting = [node for node in row.nodes if row.model in placed[node]]
        if len(hitting) == 1:
            weights.setdefault((hitting[0], row.model), []).append(row.weight)
    return weights


def _total(weights: list[Number]) -> Number:
    return sum(weights) if all(isinstance(weight, int) for weight in weights) else fsum(weights)

"""The optimum of a tiny `placement` instance by enumeration of every placement; it sees the plain instance only."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations, product

from edgeopt.placement.instance import PlacementInstance


def optimum(instance: PlacementInstance) -> Fraction:
    """Return the largest weight that a placement hits, exactly."""
    choices = [_storable(instance, node.storage_bytes) for node in instance.nodes.values()]
    return max(hit_weight(instance, dict(zip(instance.nodes, sets, strict=True))) for sets in product(*choices))


def hit_weight(instance: PlacementInstance, placed: dict[str, frozenset[str]]) -> Fraction:
    """Return the weight that the sets of models on the nodes hit."""
    weight = Fraction(0)
    for row in instance.demand:
        for node in row.nodes:
            if row.model in placed[node]:
                weight += Fraction(row.weight)
                break
    return weight


def _storable(instance: PlacementInstance, storage_bytes: int) -> list[frozenset[str]]:
    models = instance.library.models
    sets = chain.from_iterable(combinations(models, size) for size in range(len(models) + 1))
    return [frozenset(chosen) for chosen in sets if _union_bytes(instance, chosen) <= storage_bytes]


def _union_bytes(instance: PlacementInstance, chosen: tuple[str, ...]) -> int:
    union: set[str] = set()
    for model in chosen:
        union.update(instance.library.models[model].blocks)
    return sum(instance.library.blocks[block] for block in union)

"""Small networks whose agents the tests train."""

from __future__ import annotations

from functools import cache

from edgeopt.caching.agents.slots import draw_slots
from edgeopt.caching.generator import generate
from edgeopt.caching.instance import CachingInstance


@cache
def tiny_slots(nodes: int = 2, count: int = 3) -> tuple[CachingInstance, ...]:
    """Slots of a network with a few blocks, of which each node stores some."""
    instance = generate(models=4, nodes=nodes, users=3, scenarios=12, seed=4, antennas=2)
    total = instance.library.union_bytes(instance.library.models)
    storage = (int(0.3 * total), int(0.5 * total))
    instance = generate(
        models=4, nodes=nodes, users=3, scenarios=12, seed=4, antennas=2, storage_bytes=storage, name="tiny"
    )
    return tuple(draw_slots(instance, count, seed=0, scenarios=2))

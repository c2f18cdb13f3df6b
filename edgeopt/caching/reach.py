"""The numbers of nodes that the methods of `caching` reach."""

from __future__ import annotations

from edgeopt.caching.instance import CachingInstance

FULL_TABLE_NODES = 8  # most nodes of which every set has a rate: 255 sets
MOST_NODES = 62  # sets of nodes are bits of 64-bit integers


def too_many_nodes(instance: CachingInstance) -> str | None:
    """Say that there are too many nodes for a rate of each set, or return None."""
    if len(instance.nodes) > FULL_TABLE_NODES:
        count = len(instance.nodes)
        return f"{count} nodes have more sets than those of {FULL_TABLE_NODES}, its most; 'neighbourhood' applies"
    return None


def few_nodes(instance: CachingInstance) -> str | None:
    """Say that there are few enough nodes for `exact`, or too many for any method, or return None."""
    if len(instance.nodes) <= FULL_TABLE_NODES:
        return f"it is for more than {FULL_TABLE_NODES} nodes; 'exact' applies"
    return far_too_many_nodes(instance)


def far_too_many_nodes(instance: CachingInstance) -> str | None:
    """Say that there are too many nodes for any method, or return None."""
    if len(instance.nodes) > MOST_NODES:
        return (
            f"{len(instance.nodes)} nodes are more than the {MOST_NODES} that any method here takes; split the network"
        )
    return None

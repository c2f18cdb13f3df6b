"""The method that `auto` picks for an instance of `caching`."""

from __future__ import annotations

from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.reach import FULL_TABLE_NODES
from edgeopt.run import Options


def choose(instance: CachingInstance, options: Options) -> tuple[str, str]:
    """Return the method's name and the reason."""
    count = len(instance.nodes)
    if count <= FULL_TABLE_NODES:
        return "exact", f"all sets of {count} nodes can be enumerated"
    return "neighbourhood", f"the sets of {count} nodes are too many to enumerate"

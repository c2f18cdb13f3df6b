"""Small instances of each kind of `caching`, on which methods are rehearsed."""

from __future__ import annotations

from typing import Any

from edgeopt.caching.instance import CachingInstance

KINDS = ["few nodes", "many nodes"]
FEW = 8
ITERATIONS = 60  # of a rehearsal


def kind_of(instance: CachingInstance) -> str:
    """Return whether rates of all sets of nodes can be listed, by which methods differ."""
    return "few nodes" if len(instance.nodes) <= FEW else "many nodes"


def specimen(kind: Any) -> CachingInstance:
    """Draw the instance of a kind."""
    from edgeopt.caching.generator import generate

    return generate(models=4, nodes=3 if kind == "few nodes" else FEW + 1, users=3, scenarios=2, seed=1)

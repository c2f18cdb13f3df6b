"""Small instances of each kind of `pulling`, on which methods are rehearsed.

Sources, waiting, sites, offers and queues change costs only: methods run the same code for them.
"""

from __future__ import annotations

from typing import Any

from edgeopt.pulling.instance import PullingInstance

KINDS = ["unlimited", "limited"]
ITERATIONS = 60  # of a rehearsal


def kind_of(instance: PullingInstance) -> str:
    """Return whether compute is limited, by which methods differ."""
    limited = any(cloudlet.compute_flops is not None for cloudlet in instance.cloudlets.values())
    return "limited" if limited else "unlimited"


def specimen(kind: Any) -> PullingInstance:
    """Draw the instance of a kind."""
    from edgeopt.pulling.generator import generate

    return generate(models=6, cloudlets=3, requests=8, seed=1, compute=kind)

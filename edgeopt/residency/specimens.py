"""Small instances of each kind of `residency`, on which methods are rehearsed."""

from __future__ import annotations

from typing import Any

from edgeopt.residency.instance import ResidencyInstance

KINDS = ["any"]
ITERATIONS = 2  # of a rehearsal


def kind_of(instance: ResidencyInstance) -> str:
    """Return the one kind: methods do not differ."""
    return "any"


def specimen(kind: Any) -> ResidencyInstance:
    """Draw the instance: few requests, more models than fit."""
    from edgeopt.residency.generator import generate

    return generate("random", models=6, count=60, seed=1)

"""Weights for the users of an instance: whole, decimal, equal, zero, far apart, tiny."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeopt.loading.instance import LoadingInstance

KINDS: dict[str, Any] = {
    "whole": lambda rng: int(rng.integers(0, 6)),
    "decimal": lambda rng: float(rng.choice([0.1, 0.5, 1.5, 2.25])),
    "equal": lambda rng: 3,
    "zeros and ones": lambda rng: int(rng.choice([0, 1, 1])),
    "far apart": lambda rng: int(10 ** rng.integers(0, 13)),
    "tiny": lambda rng: float(rng.uniform(1e-9, 1e-6)),
    "huge": lambda rng: float(rng.uniform(1e20, 1e21)),
}


def with_weights(instance: LoadingInstance, weights: list[Any]) -> LoadingInstance:
    """Return the instance with these weights of its users, in their order."""
    data = instance.to_dict()
    users = {
        name: {**user, "weight": weight} for (name, user), weight in zip(data["users"].items(), weights, strict=True)
    }
    return LoadingInstance.from_dict({**data, "users": users})


def drawn_weights(instance: LoadingInstance, kind: str, seed: int) -> LoadingInstance:
    """Return the instance with weights of a kind."""
    rng = np.random.default_rng([seed, 77])
    return with_weights(instance, [KINDS[kind](rng) for _ in instance.users])

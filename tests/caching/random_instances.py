"""Small random instances of `caching`, with the corners in which methods could go wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeopt.caching.instance import CachingInstance


def random_data(seed: int, nodes: int | None = None, users: int | None = None) -> dict[str, Any]:
    """Plain data of a tiny instance: up to 3 nodes, 4 users, 5 blocks, 3 scenarios unless given."""
    rng = np.random.default_rng([seed, 11])
    node_count = nodes or int(rng.integers(1, 4))
    user_count = users or int(rng.integers(1, 5))
    node_names = [f"n{n}" for n in range(node_count)]
    user_names = [f"u{k}" for k in range(user_count)]
    blocks = {f"b{j}": int(rng.integers(1, 9)) * 1_000_000 for j in range(int(rng.integers(1, 6)))}
    if rng.random() < 0.1:
        blocks["empty"] = 0
    names = list(blocks)
    models = {
        f"m{i}": {"blocks": [names[j] for j in rng.permutation(len(names))[: int(rng.integers(1, 4))]]}
        for i in range(int(rng.integers(1, 4)))
    }
    antennas = {name: int(rng.integers(1, 4)) for name in node_names}
    total = sum(blocks.values())
    cloudless = rng.random() < 0.2
    return {
        "format": "edgeopt-instance/1",
        "problem": "caching",
        "name": f"tiny{seed}",
        "library": {"name": "tiny", "blocks": blocks, "models": models},
        "nodes": {
            name: {
                "storage_bytes": int(total * rng.choice([0, 0.3, 0.6, 1.0])),
                "power_w": float(rng.uniform(0.5, 2)),
                "antennas": antennas[name],
            }
            for name in node_names
        },
        "radio": {
            "bandwidth_hz": 20e6,
            "noise_w": 0.05,
            "csi_error": float(rng.choice([0, 0.05, 0.4])),
            "channels": {
                name: {
                    user: (rng.normal(size=(antennas[name], 2)) * 10 ** rng.uniform(-1, 0.5)).tolist()
                    for user in user_names
                }
                for name in node_names
            },
        },
        "backhaul": {
            "cloud_bps": {
                name: float(rng.uniform(10e6, 50e6)) for name in node_names if rng.random() < (0.4 if cloudless else 1)
            },
            "links": [
                {"from": a, "to": b, "rate_bps": float(rng.uniform(20e6, 200e6))}
                for a in node_names
                for b in node_names
                if a != b and rng.random() < 0.6
            ],
        },
        "scenarios": _scenarios(rng, user_names, list(models)),
    }


def _scenarios(rng: np.random.Generator, users: list[str], models: list[str]) -> list[dict[str, Any]]:
    count = int(rng.integers(1, 4))
    weights = rng.integers(1, 5, count)
    probabilities = (weights / weights.sum()).tolist()
    return [
        {
            "probability": probability,
            "requests": {user: models[int(rng.integers(len(models)))] for user in users if rng.random() < 0.8},
        }
        for probability in probabilities
    ]


def random_instance(seed: int, nodes: int | None = None, users: int | None = None) -> CachingInstance:
    """A tiny instance, see `random_data`."""
    return CachingInstance.from_dict(random_data(seed, nodes, users))

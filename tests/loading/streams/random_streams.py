"""Seeded small streams, hard on methods: ties, zeros, small memories, all kinds of sharing, deadlines met exactly."""

from __future__ import annotations

from itertools import product

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from tests.loading.modes import FEW_BLOCKS
from tests.loading.random_instances import STRUCTURES, pick, random_instance, random_library

MODES = [
    (retention, prefetch, radio)
    for retention, prefetch, radio in product(("consecutive", "capacity"), ("none", "idle", "next"), (False, True))
]
MODE_NAMES = [f"{retention}-{prefetch}-{'radio' if radio else 'no radio'}" for retention, prefetch, radio in MODES]


def random_stream(
    seed: int, retention: str, prefetch: str, radio: bool, models: int = 3, users: int = 5
) -> LoadingInstance:
    """Draw a stream of at most so many models and users, of few blocks, in a mode.

    Parameters
    ----------
    seed : int
    retention, prefetch : str
    radio : bool
        Whether users have something to upload.
    models, users : int
        Largest numbers; small ones occur too.
    """
    rng = np.random.default_rng([seed, 15])
    instance = random_instance(seed, models=models, users=users, one_deadline=False)
    while len(instance.library.blocks) > (4 if (retention, prefetch) == ("capacity", "idle") else FEW_BLOCKS):
        instance = random_instance(int(rng.integers(10**6)), models=models, users=users, one_deadline=False)
    data = {**instance.to_dict(), "upload": "overlapped", "retention": retention, "prefetch": prefetch}
    common = pick(rng, None, 6.0, 12.0)  # one window for all users makes deadlines come in the order of arrivals
    arrival = 0.0
    for user in data["users"].values():
        arrival = round(arrival + pick(rng, 0.0, 0.5, 1.0, 2.5, 4.0), 1)
        user["arrival_s"] = arrival
        window = common or round(float(rng.uniform(2.0, 14.0)), 1)
        user["deadline_s"] = round(arrival + window, 1)
        if not radio:
            user["upload_bits"] = 0.0
    return LoadingInstance.from_dict(data)


def whole_stream(seed: int, retention: str, prefetch: str, radio: bool) -> LoadingInstance:
    """Draw a stream of at most 3 models and 4 users in whole numbers, at 1 byte and 1 bit in a second."""
    rng = np.random.default_rng([seed, 16])
    structure = STRUCTURES[seed % len(STRUCTURES)]
    library = random_library(rng, structure, int(rng.integers(1, 4)), largest_block=3)
    while len(library.blocks) > 4:
        library = random_library(rng, structure, int(rng.integers(1, 4)), largest_block=3)
    data = library.to_dict()
    for model in data["models"].values():
        model["compute_fixed_s"] = float(rng.integers(0, 3))
        model["compute_per_sample_s"] = float(rng.integers(0, 2))
        model["workspace_bytes_per_sample"] = int(rng.integers(0, 2))
    users = {}
    for number in range(int(rng.integers(1, 5))):
        arrival = int(rng.integers(0, 6))
        users[f"u{number}"] = {
            "model": str(rng.choice(list(data["models"]))),
            "upload_bits": float(rng.integers(0, 3)) if radio else 0.0,
            "spectral_efficiency": 1.0,
            "arrival_s": float(arrival),
            "deadline_s": float(arrival + rng.integers(1, 9)),
        }
    largest = max(library.size_bytes(name) for name in library.models)
    return LoadingInstance.from_dict(
        {
            "format": "edgeopt-instance/1",
            "problem": "loading",
            "name": f"whole-{seed}",
            "library": data,
            "server": {"memory_bytes": largest + int(rng.integers(0, 5)), "load_rate_bytes_per_s": 1.0},
            "bandwidth_hz": 1.0,
            "users": users,
            "upload": "overlapped",
            "retention": retention,
            "prefetch": prefetch,
        }
    )

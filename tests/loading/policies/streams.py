"""Small random streams in all modes, and larger drawn ones."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.instance import LoadingInstance
from tests.loading.random_instances import pick, random_instance

MODES = [(retention, prefetch) for retention in ("consecutive", "capacity") for prefetch in ("none", "idle", "next")]


def random_stream(
    seed: int, retention: str = "consecutive", prefetch: str = "none", silent: bool | None = None, users: int = 9
) -> LoadingInstance:
    """Draw a stream whose times are short decimals; arrivals often coincide, and some windows are too short.

    `silent` users have nothing to upload; by default those of even seeds.
    """
    rng = np.random.default_rng([seed, 7])
    data = random_instance(seed, models=4, users=users, one_deadline=False).to_dict()
    latest = max([user["deadline_s"] for user in data["users"].values()], default=0.0)
    for user in data["users"].values():
        arrival = round(float(pick(rng, 0.0, 0.5, rng.uniform(0, 1), rng.uniform(0, 1)) * latest), 1)
        user["arrival_s"] = arrival
        user["deadline_s"] = round(arrival + float(pick(rng, 0.3, 0.6, 1.0)) * latest + 0.1, 1)
        if silent or (silent is None and seed % 2 == 0):
            user["upload_bits"] = 0.0
    return LoadingInstance.from_dict({**data, "upload": "overlapped", "retention": retention, "prefetch": prefetch})

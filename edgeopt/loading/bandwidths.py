"""What a plan says of the radio, in closed form: bandwidths, or uploads one after another."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Any

from edgeopt.loading.instance import LoadingInstance


def bandwidths(instance: LoadingInstance, users: Sequence[str]) -> dict[str, float]:
    """Return the bandwidths in Hz by which these users finish uploading earliest: b_k proportional to d_k / e_k."""
    facts = [instance.users[user] for user in users]
    load = [user.upload_bits / user.spectral_efficiency for user in facts]
    total = fsum(load)
    return {user: instance.bandwidth_hz * share / total for user, share in zip(users, load, strict=True) if share > 0}


def radio(instance: LoadingInstance, users: Sequence[str]) -> dict[str, Any]:
    """Return a plan's bandwidths, or its uploads: in this order, one after another with the whole band."""
    if instance.upload == "phase":
        return {"bandwidth_hz": bandwidths(instance, users)}
    uploads: dict[str, list[float]] = {}
    clock = 0.0
    for user in users:
        end = clock + instance.upload_s(user)
        if instance.users[user].upload_bits > 0:
            uploads[user] = [clock, end, instance.bandwidth_hz]
        clock = end
    return {"uploads": uploads}

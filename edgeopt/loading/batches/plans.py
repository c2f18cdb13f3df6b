"""Plans from batch sequences: uploads and evictions in closed form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeopt.loading.bandwidths import radio
from edgeopt.loading.workload import HORIZON_MARGIN, Workload
from edgeopt.solution import Plan


@dataclass(frozen=True)
class Batch:
    """A batch by its model and number of users.

    Attributes
    ----------
    model : int
    users : int
    kept : tuple of int
        Blocks of other models that stay on the GPU while it runs; only with capacity retention.
    """

    model: int
    users: int
    kept: tuple[int, ...] = ()


def served(sequence: Iterable[Batch]) -> int:
    """Number of users of a sequence."""
    return sum(batch.users for batch in sequence)


def users_of(plan: Plan) -> int:
    """Number of users that a plan serves."""
    return sum(len(batch["users"]) for batch in plan["batches"])


def plan_of(workload: Workload, sequence: Sequence[Batch]) -> Plan:
    """Make the plan of a batch sequence; each batch takes its model's next users in the order of their uploads."""
    taken = [0] * workload.models
    users = []
    for batch in sequence:
        first = taken[batch.model]
        taken[batch.model] += batch.users
        users.append(workload.users[batch.model][first : taken[batch.model]])
    return plan_for(workload, sequence, users)


def plan_for(workload: Workload, sequence: Sequence[Batch], users: Sequence[Sequence[str]]) -> Plan:
    """Make the plan in which these users are in the batches of a sequence."""
    batches: list[dict[str, Any]] = []
    resident: frozenset[int] = frozenset()
    for batch, names in zip(sequence, users, strict=True):
        entry: dict[str, Any] = {"model": workload.model_names[batch.model], "users": list(names)}
        if workload.keeps:
            held = frozenset(np.flatnonzero(workload.holds[batch.model]).tolist())
            evicted = resident - held - set(batch.kept)
            resident = held | (resident & set(batch.kept))
            if evicted:
                entry["evict"] = [name for block in sorted(evicted) for name in workload.blocks[block]]
        batches.append(entry)
    return {"batches": batches, **radio(workload.instance, [user for names in users for user in names])}


def in_time(workload: Workload, sequence: Sequence[Batch], users: Sequence[Sequence[str]]) -> bool:
    """Whether these users are served in time in the batches of a sequence."""
    instance, overlapped = workload.instance, workload.overlapped
    uploads = [sum(map(instance.upload_s, names)) for names in users]
    uploaded, clock = 0.0, 0.0 if overlapped else sum(uploads)
    resident: set[int] = set()
    for batch, names, upload in zip(sequence, users, uploads, strict=True):
        uploaded += upload
        held = set(np.flatnonzero(workload.holds[batch.model]).tolist())
        clock += sum(int(workload.block_bytes[block]) for block in held - resident) / workload.rate
        clock = max(clock, uploaded) if overlapped else clock
        clock += float(workload.fixed_s[batch.model] + workload.sample_s[batch.model] * batch.users)
        resident = held | (resident & set(batch.kept))
        if any(clock > instance.users[name].deadline_s * (1 + HORIZON_MARGIN) for name in names):
            return False
    return True

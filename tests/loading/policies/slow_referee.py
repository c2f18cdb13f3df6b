"""What the docs say that a replay does, step by step and slowly; it shares no code with the replayer.

For `prefetch` none, without uploads, where models share their blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeopt.loading.instance import LoadingInstance

Offer = dict[str, Any]
SLACK = 1e-10  # relative, of deadlines


def serve(
    instance: LoadingInstance, worth: Callable[[Offer], float], oldest_leave: bool = False
) -> list[tuple[str, list[str], float]]:
    """Return model, users and start of each batch, if the model of most worth is always next (ties: most urgent).

    Blocks whose models fewest requests wait for leave first, those used longest ago among equals or, if `oldest_leave`,
    at all.
    """
    library, users = instance.library, instance.users
    models = [model for model in library.models if instance.capacity(model) != 0]
    waiting, resident, used, now = set(users), set(), {}, 0.0
    batches = []
    while True:
        offers = []
        for place, model in enumerate(models):
            facts = library.models[model]
            missing = sum(library.blocks[block] for block in facts.blocks if block not in resident)
            start = now + missing / instance.server.load_rate_bytes_per_s
            arrived = [user for user in waiting if users[user].model == model and users[user].arrival_s <= now]
            servable = [user for user in arrived if _in_time(instance, user, start, 1)]
            if servable:
                batch = _largest(instance, model, servable, start)
                compute = facts.compute_fixed_s + facts.compute_per_sample_s * len(batch)
                oldest = min(users[user].arrival_s for user in servable)
                due = min(users[user].deadline_s for user in servable)
                offers.append(
                    {
                        "model": model,
                        "start": start,
                        "now": now,
                        "load": start - now,
                        "seconds": start - now + compute,
                        "users": len(batch),
                        "oldest": oldest,
                        "due": due,
                        "place": place,
                        "waits": len(servable),
                        "after": visit(instance, model, arrived, start),
                    }
                )
        if not offers:
            later = [users[user].arrival_s for user in waiting if users[user].arrival_s > now]
            if not later:
                return batches
            now = min(later)
            continue
        best = min(offers, key=lambda offer: (-worth(offer), offer["due"], offer["place"]))
        model, start = best["model"], best["start"]
        demand = dict.fromkeys(library.blocks, 0)
        for offer in offers:
            for block in library.models[offer["model"]].blocks:
                demand[block] += offer["waits"]
        facts = library.models[model]
        there = [user for user in waiting if users[user].model == model and users[user].arrival_s <= start]
        batch = _largest(instance, model, there, start)
        batches.append((model, sorted(batch), start))
        now = start + (facts.compute_fixed_s + facts.compute_per_sample_s * len(batch))
        waiting -= set(batch)
        mine = set(facts.blocks)
        resident = resident | mine if instance.retention == "capacity" else mine
        used.update(dict.fromkeys(mine, start))
        room = instance.server.memory_bytes - facts.workspace_bytes_per_sample * len(batch)
        while sum(library.blocks[block] for block in resident) > room:
            others = [block for block in library.blocks if block in resident - mine and library.blocks[block]]
            resident.remove(min(others, key=lambda block: (0 if oldest_leave else demand[block], used[block])))


def visit(instance: LoadingInstance, model: str, there: list[str], start: float) -> list[tuple[int, float]]:
    """Return the users served and the end after one, two, ... batches of those who are there."""
    facts, left, served, after = instance.library.models[model], list(there), 0, []
    while batch := _largest(instance, model, left, start):
        left = [user for user in left if user not in batch]
        served += len(batch)
        start += facts.compute_fixed_s + facts.compute_per_sample_s * len(batch)
        after.append((served, start))
    return after


def _in_time(instance: LoadingInstance, user: str, start: float, number: int) -> bool:
    facts = instance.library.models[instance.users[user].model]
    end = start + facts.compute_fixed_s + facts.compute_per_sample_s * number
    return end <= instance.users[user].deadline_s * (1 + SLACK)


def _largest(instance: LoadingInstance, model: str, there: list[str], start: float) -> list[str]:
    """Return the most users that a batch serves in time if it starts then, the earliest due of them."""
    limit = instance.capacity(model)
    for number in range(len(there) if limit is None else min(limit, len(there)), 0, -1):
        fitting = [user for user in there if _in_time(instance, user, start, number)]
        if len(fitting) >= number:
            order = sorted(
                fitting,
                key=lambda user: (instance.users[user].deadline_s, instance.upload_s(user), user),
            )
            return order[:number]
    return []

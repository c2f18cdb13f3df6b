"""What it would cost others to serve a user where blocks stay or are loaded ahead by choice: plans tried in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

from edgeopt.loading.bandwidths import radio
from edgeopt.loading.checker import TOLERANCE, check, replay
from edgeopt.loading.insertion import Place
from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import Plan

Batches = list[dict[str, Any]]
LISTS = ("evict", "prefetch")
REPLAYED = 60_000  # batches of plans that are tried: more take longer than a reader waits


class ReplayedInsertion:
    """A feasible plan, and users who may be put into it; each way is a plan that the checker replays.

    The band is dealt anew in the order of the batches. Blocks are evicted and loaded ahead as the plan says, as far as
    they are there; where memory lacks, those that are used again last go, and then nothing is loaded ahead.

    Parameters
    ----------
    instance : LoadingInstance
    plan : dict
    most : int
        Batches to replay for all users; then no more is tried.
    """

    def __init__(self, instance: LoadingInstance, plan: Plan, most: int = REPLAYED) -> None:
        self._instance = instance
        self._batches: Batches = plan["batches"]
        self._left = most
        self._ends = [0.0, *(visit.end_s for visit in replay(instance, plan).visits), inf]

    def cheapest(self, user: str) -> Place | None:
        """Return the place at which a user costs least of those tried; None where none was found."""
        places, most = list(self._places(user)), 1
        while most <= 2 * len(self._instance.users) and self._left > 0:
            found = [
                Place(batch, joins, gone)
                for batch, joins in places
                if (gone := self._giving_way(user, batch, joins, most)) is not None
            ]
            if found:
                return min(found, key=lambda place: self._instance.worth(place.gone))
            most *= 2
        return None

    def with_user(self, user: str, place: Place) -> Plan:
        """Return the plan with a user at a place, without those who have to go; it is feasible."""
        return self._fitted(self._without(self._put(user, place.batch, place.joins), set(place.gone)))

    def _places(self, user: str) -> Iterator[tuple[int, bool]]:
        """Yield the batches that a user may join, and the places for a batch of its own, while it waits."""
        facts = self._instance.users[user]
        most = self._instance.capacity(facts.model)
        for number, batch in enumerate(self._batches):
            waits = self._ends[number + 1] > facts.arrival_s and self._ends[number] < facts.deadline_s
            if waits and batch["model"] == facts.model and batch["users"] and len(batch["users"]) < (most or inf):
                yield number, True
        for number in range(len(self._batches), -1, -1):
            if self._ends[number + 1] > facts.arrival_s and self._ends[number] < facts.deadline_s:
                yield number, False

    def _put(self, user: str, at: int, joins: bool) -> Batches:
        batches = [{**batch, "users": list(batch["users"])} for batch in self._batches]
        if joins:
            batches[at]["users"].append(user)
        else:
            own: dict[str, Any] = {"model": self._instance.users[user].model, "users": [user]}
            if at and "prefetch" in batches[at - 1]:  # it loads ahead what the batch before it did
                own["prefetch"] = batches[at - 1]["prefetch"]
            batches.insert(at, own)
        return batches

    def _without(self, batches: Batches, gone: set[str]) -> Batches:
        """Return batches without some users, and without those batches that served nobody else."""
        left = [{**batch, "users": [name for name in batch["users"] if name not in gone]} for batch in batches]
        return [now for now, before in zip(left, batches, strict=True) if now["users"] or not before["users"]]

    def _giving_way(self, user: str, at: int, joins: bool, most: int) -> list[str] | None:
        """Return fewer than `most` users without whom all are in time, or None where that is not found.

        Whoever is late goes. Before a user that is late itself, the batch with fewest users goes.
        """
        batches, gone = self._put(user, at, joins), list[str]()
        while len(gone) < most and self._left > 0:
            plan = self._fitted(self._without(batches, set(gone)))
            late = self._late(plan)
            if not late:
                return gone if check(self._instance, plan).feasible else None
            more = self._in_the_way(plan["batches"], user) if user in late else late[:1]
            if not more:
                return None
            gone += more
        return None

    def _late(self, plan: Plan) -> list[str]:
        """Return who is late in the first batch in which somebody is, by deadline."""
        self._left -= len(plan["batches"])
        for visit in replay(self._instance, plan).visits:
            due = {name: self._instance.users[name].deadline_s for name in visit.users}
            late = [name for name, end in due.items() if visit.end_s - end > TOLERANCE * end]
            if late:
                return sorted(late, key=due.__getitem__)
        return []

    def _in_the_way(self, batches: Sequence[dict[str, Any]], user: str) -> list[str]:
        """Return the users of the smallest batch before a user's, else others of its own batch or of a later one."""
        own = next(number for number, batch in enumerate(batches) if user in batch["users"])
        groups = [batch["users"] for batch in batches[:own] if batch["users"]]
        groups = groups or [[name for name in batch["users"] if name != user] for batch in batches[own:]]
        return min(filter(None, groups), key=len, default=[])

    def _fitted(self, batches: Batches) -> Plan:
        """Return the plan of batches, with blocks evicted and loaded ahead as far as memory allows."""
        instance, blocks = self._instance, self._instance.library.blocks
        models = [set(instance.library.models[batch["model"]].blocks) for batch in batches]
        resident: set[str] = set()
        fitted = []
        for number, (batch, needed) in enumerate(zip(batches, models, strict=True)):
            following = models[number + 1] if number + 1 < len(models) else set()
            if instance.retention == "capacity":
                evicted = resident.intersection(batch.get("evict", ())) - needed
            else:
                evicted = resident - needed
            workspace = instance.library.models[batch["model"]].workspace_bytes_per_sample or 0
            room = instance.server.memory_bytes - workspace * len(batch["users"])
            room -= sum(blocks[block] for block in (resident - evicted) | needed)
            ahead = set(batch.get("prefetch", ())) & following - ((resident - evicted) | needed)
            room -= sum(blocks[block] for block in ahead)
            spare = resident - evicted - needed
            for block in self._used_last_first(spare, models[number + 1 :]) if room < 0 else ():
                evicted.add(block)
                room += blocks[block]
                if room >= 0:
                    break
            if room < 0:
                ahead = set()
            resident = (resident - evicted) | needed | ahead
            entry = {key: value for key, value in batch.items() if key not in LISTS}
            if evicted and instance.retention == "capacity":
                entry["evict"] = sorted(evicted)
            if ahead:
                entry["prefetch"] = sorted(ahead)
            fitted.append(entry)
        return {"batches": fitted, **radio(instance, [name for batch in fitted for name in batch["users"]])}

    def _used_last_first(self, held: set[str], coming: Sequence[set[str]]) -> list[str]:
        """Return blocks in the order in which they may go: unused ones first, then those needed again last."""
        next_use = {
            block: next((number for number, model in enumerate(coming) if block in model), len(coming))
            for block in held
        }
        return sorted(held, key=lambda block: (-next_use[block], block))

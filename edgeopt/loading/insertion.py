"""What it would cost others to serve a user whom a plan does not serve."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgeopt.loading.bandwidths import radio
from edgeopt.loading.checker import TOLERANCE
from edgeopt.loading.insertion_kernels import NOWHERE, Line, Times, cheapest_places, giving_way
from edgeopt.loading.instance import LoadingInstance
from edgeopt.solution import Plan

UNLIMITED = 2**31


class Place(NamedTuple):
    """A place in a plan for a user, and those who have to go.

    Attributes
    ----------
    batch : int
        Number of the batch that it joins, or before which its own batch comes.
    joins : bool
    gone : list of str
        Without these users all are in time; fewer may suffice.
    """

    batch: int
    joins: bool
    gone: list[str]


def timed_anew(instance: LoadingInstance) -> bool:
    """Say whether a plan with one more user can be timed: no blocks stay or are loaded by choice."""
    return instance.retention == "consecutive" and instance.prefetch == "none"


class Insertion:
    """A feasible plan, and users who may be put into it; the band is dealt anew in the order of the batches.

    Parameters
    ----------
    instance : LoadingInstance
    plan : dict
    """

    def __init__(self, instance: LoadingInstance, plan: Plan) -> None:
        self.instance = instance
        self.batches: list[Any] = plan["batches"]
        self.phase = instance.upload == "phase"
        requested = dict.fromkeys(user.model for user in instance.users.values())
        self.index = {name: number for number, name in enumerate(requested)}
        self.users = [
            sorted(batch["users"], key=lambda user: instance.users[user].deadline_s) for batch in self.batches
        ]
        self.order = [user for members in self.users for user in members]
        self.times, self.line = self._times(), self._line()

    def cheapest(self, user: str) -> Place | None:
        """Return the place at which a user who fits into memory costs least; None where it is late at every place."""
        facts, upload = self.instance.users[user], self.instance.upload_s(user)
        number, latest = self.index[facts.model], _latest_s(self.instance, user)
        found = cheapest_places(self.line, self.times, self.phase, number, upload, facts.arrival_s, latest)
        places = [self._place(user, int(at), bool(joins)) for late, at, joins in found if late != NOWHERE]
        found = [place for place in places if place is not None]
        return min(found, key=lambda place: self.instance.worth(place.gone), default=None)

    def with_user(self, user: str, place: Place) -> Plan:
        """Return the plan with a user at a place, without those who have to go; it is feasible."""
        instance, gone = self.instance, set(place.gone)
        batches = [{**batch, "users": [name for name in batch["users"] if name not in gone]} for batch in self.batches]
        if place.joins:
            batches[place.batch]["users"].append(user)
        else:
            batches.insert(place.batch, {"model": instance.users[user].model, "users": [user]})
        batches = [batch for batch in batches if batch["users"]]
        return {"batches": batches, **radio(instance, [name for batch in batches for name in batch["users"]])}

    def _place(self, user: str, batch: int, joins: bool) -> Place | None:
        instance, facts, line = self.instance, self.instance.users[user], self.line
        upload, latest = instance.upload_s(user), _latest_s(instance, user)
        uploaded, own = line.uploaded_s, 0.0
        if not self.phase:
            own = max(max(uploaded[: batch + joins], default=0.0), facts.arrival_s) + upload
            uploaded = uploaded + upload * (np.arange(len(uploaded)) >= batch)
        at = int(line.first[batch])
        if joins:
            at += int(np.searchsorted(line.latest_s[at : line.first[batch + 1]], latest))
            uploaded = uploaded.copy()
            uploaded[batch] = max(line.uploaded_s[batch], own)
            changed = line._replace(uploaded_s=uploaded, first=line.first + (np.arange(len(line.first)) > batch))
        else:
            changed = line._replace(
                model=np.insert(line.model, batch, self.index[facts.model]),
                uploaded_s=np.insert(uploaded, batch, own),
                stated_s=np.insert(line.stated_s, batch, 0.0),
                first=np.insert(line.first + (np.arange(len(line.first)) > batch), batch + 1, at + 1),
            )
        changed = changed._replace(
            latest_s=np.insert(line.latest_s, at, latest),
            upload_s=np.insert(line.upload_s, at, upload if self.phase else 0.0),
        )
        times = self.times._replace(begin=self.times.begin + (upload if self.phase else 0.0))
        gone = np.zeros(len(changed.latest_s), np.bool_)
        if giving_way(changed, times, at, gone) > len(gone):
            return None
        return Place(batch, joins, [self.order[other - (other > at)] for other in np.flatnonzero(gone).tolist()])

    def _times(self) -> Times:
        instance, library = self.instance, self.instance.library.restricted(self.index)
        rate = instance.server.load_rate_bytes_per_s
        sizes = library.sharing.model_bytes.astype(float)
        models = list(library.models.values())
        return Times(
            alone=sizes / rate,
            fixed=np.array([model.compute_fixed_s or 0.0 for model in models]),
            sample=np.array([model.compute_per_sample_s or 0.0 for model in models]),
            switch=(sizes[None, :] - library.sharing.overlap_bytes.toarray()) / rate,
            begin=sum(map(instance.upload_s, self.order)) if self.phase else 0.0,
        )

    def _line(self) -> Line:
        instance, batches = self.instance, self.batches
        uploaded = np.zeros(len(batches))
        if not self.phase:
            done = {user: instance.users[user].arrival_s for user in self.order}
            for user, entry in radio(instance, self.order)["uploads"].items():
                last = entry[-1] if isinstance(entry[0], list) else entry
                done[user] = max(done[user], last[1])
            uploaded = np.array([max(done[user] for user in members) for members in self.users], float)
        rooms = [instance.capacity(batch["model"]) for batch in batches]
        return Line(
            model=np.array([self.index[batch["model"]] for batch in batches], np.int64),
            uploaded_s=uploaded,
            stated_s=np.array([float(batch.get("start_s", 0.0)) for batch in batches]),
            room=np.array(
                [UNLIMITED if most is None else most - len(u) for most, u in zip(rooms, self.users, strict=True)],
                np.int64,
            ),
            first=np.cumsum([0, *map(len, self.users)]),
            latest_s=np.array([_latest_s(instance, user) for user in self.order]),
            upload_s=np.array([instance.upload_s(user) if self.phase else 0.0 for user in self.order]),
        )


def _latest_s(instance: LoadingInstance, user: str) -> float:
    return instance.users[user].deadline_s * (1 + TOLERANCE / 2)

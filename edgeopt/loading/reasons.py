"""Why users are not served: from their data where that settles it, else from what it would cost in the plan."""

from __future__ import annotations

from edgeopt.loading.checker import TOLERANCE
from edgeopt.loading.insertion import Insertion, Place, timed_anew
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import alone_s, least_memory_bytes
from edgeopt.loading.replayed_insertion import ReplayedInsertion
from edgeopt.quantities import number, quantity
from edgeopt.solution import Plan

UNFIT, LATE, WORTH, UNCOUNTED = "does not fit", "too late even alone", "not worth its time", "does not count"
ROOM, LEFT_OUT = "there is room", "left out"
LISTED = 3
PRICED = 2_000_000  # users tried, times users served: more take longer than a reader waits


def unserved(instance: LoadingInstance, plan: Plan) -> dict[str, str]:
    """Return the users that a feasible plan does not serve, each with the reason; what stands before its colon is
    the kind of reason.

    Whom no plan serves has a reason that speaks of every plan. The others have one that speaks of this plan: where in
    it the user would be served, and which users would have to go for it. Fewer may suffice in another plan.
    """
    served = {user for batch in plan["batches"] for user in batch["users"]}
    left = [user for user in instance.users if user not in served]
    hopeless = {user: reason for user in left if (reason := _hopeless(instance, user))}
    others = [user for user in left if user not in hopeless]
    places = _places(instance, plan, others[: PRICED // max(1, len(served))])
    priced = {user: _priced(instance, plan, user, place) for user, place in places.items()}
    return {user: hopeless.get(user) or priced.get(user) or _without_price(instance, user) for user in left}


def _places(instance: LoadingInstance, plan: Plan, users: list[str]) -> dict[str, Place | None]:
    """Return where users would be served; where plans have to be replayed for it, what is found in time."""
    if timed_anew(instance):
        insertion = Insertion(instance, plan)
        return {user: insertion.cheapest(user) for user in users}
    replayed = ReplayedInsertion(instance, plan)
    return {user: place for user in users if (place := replayed.cheapest(user)) is not None}


def _hopeless(instance: LoadingInstance, user: str) -> str:
    """Say why no plan serves a user, or serves it for nothing; or say nothing."""
    facts = instance.users[user]
    if not facts.weight:
        return f"{UNCOUNTED}: its weight is 0"
    needed, memory = least_memory_bytes(instance, facts.model), instance.server.memory_bytes
    if needed > memory:
        return (
            f"{UNFIT}: {facts.model!r} needs {quantity(needed, 'B')} for one user, the GPU has {quantity(memory, 'B')}"
        )
    done, deadline = alone_s(instance, user), facts.deadline_s
    if done - deadline > TOLERANCE * deadline:
        arrives = f" after its arrival at {quantity(facts.arrival_s, 's')}" if facts.arrival_s else ""
        late = quantity(done - deadline, "s")
        return f"{LATE}: done at {quantity(done, 's')}{arrives}, {late} after its deadline of {quantity(deadline, 's')}"
    return ""


def _priced(instance: LoadingInstance, plan: Plan, user: str, place: Place | None) -> str:
    if place is None:
        return f"{WORTH}: wherever it joins this plan, it is late itself, for the batches before it"
    where = _where(instance, plan, user, place)
    if not place.gone:
        return f"{ROOM}: {where}, all are in time; the plan can be improved"
    shown = ", ".join(map(repr, place.gone[:LISTED])) + (", ..." if len(place.gone) > LISTED else "")
    count = len(place.gone)
    others = f"{count} other{'s' * (count > 1)}"
    if not instance.weighted:
        return f"{WORTH}: {where}, {others} would have to go ({shown})"
    own, lost = instance.users[user].weight, instance.worth(place.gone)
    weights = f"of weight {number(lost)} for its {number(own)}"
    if own > lost:
        return f"{ROOM}: {where}, {others} {weights} would have to go ({shown}); the plan can be improved"
    return f"{WORTH}: {where}, {others} {weights} would have to go ({shown})"


def _where(instance: LoadingInstance, plan: Plan, user: str, place: Place) -> str:
    if place.joins:
        return f"served with batch {place.batch}"
    count = len(plan["batches"])
    model = instance.users[user].model
    load = quantity(instance.library.size_bytes(model) / instance.server.load_rate_bytes_per_s, "s")
    at = f"before batch {place.batch}" if place.batch < count else "after the last batch"
    return f"served by a batch of its own {at} (all of {model!r} loads in {load})"


def _without_price(instance: LoadingInstance, user: str) -> str:
    model = instance.users[user].model
    load = quantity(instance.library.size_bytes(model) / instance.server.load_rate_bytes_per_s, "s")
    done, deadline = quantity(alone_s(instance, user), "s"), quantity(instance.users[user].deadline_s, "s")
    return (
        f"{LEFT_OUT}: alone it would be served at {done}, its deadline is {deadline}; this plan spends the time, of "
        f"which loading all of {model!r} takes {load}, on others"
    )

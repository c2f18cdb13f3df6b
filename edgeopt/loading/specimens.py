"""Small instances of each kind of `loading`, on which methods are rehearsed."""

from __future__ import annotations

from itertools import product
from typing import Any

from edgeopt.loading.instance import LoadingInstance

Kind = tuple[Any, Any, Any, Any, bool]
KINDS: list[Kind] = [
    *product(("phase", "overlapped"), ("consecutive", "capacity"), ("common", "individual"), ("none",), (False,)),
    *product(("phase", "overlapped"), ("consecutive", "capacity"), ("individual",), ("none",), (True,)),
    *product(("overlapped",), ("consecutive", "capacity"), ("stream",), ("none", "idle", "next"), (False,)),
]
ITERATIONS = 60  # of a rehearsal
STEP, WINDOW = 0.4, 4.5  # to the next arrival and to the deadline, in parts of the latest deadline by users


def kind_of(instance: LoadingInstance) -> Kind:
    """Return the keys by which methods differ; with weights one deadline is as many."""
    deadlines = "individual" if instance.weighted else instance.deadline_kind
    if instance.stream:
        deadlines = "stream"
    return instance.upload, instance.retention, deadlines, instance.prefetch, instance.weighted


def specimen(kind: Kind) -> LoadingInstance:
    """Draw the instance of a kind."""
    from edgeopt.loading.generator import generate

    upload, retention, deadlines, prefetch, weighted = kind
    sharing = "random" if retention == "consecutive" else "tree"
    common: Any = "individual" if deadlines == "stream" else deadlines
    drawn = generate(sharing, models=4, users=9, seed=1, upload=upload, retention=retention, deadlines=common)
    if weighted:
        drawn = drawn.replace(**{f"users.{user}.weight": 1 + number % 3 for number, user in enumerate(drawn.users)})
    return _arriving(drawn, prefetch) if deadlines == "stream" else drawn


def _arriving(instance: LoadingInstance, prefetch: str) -> LoadingInstance:
    """Let the users of an instance arrive one after another, with too little time to serve all."""
    data = {**instance.to_dict(), "prefetch": prefetch}
    part = max(user.deadline_s for user in instance.users.values()) / len(instance.users)
    for number, user in enumerate(data["users"].values()):
        user["arrival_s"] = STEP * part * number
        user["deadline_s"] = user["arrival_s"] + WINDOW * part
    return LoadingInstance.from_dict(data)

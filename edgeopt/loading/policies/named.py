"""The policies by name."""

from __future__ import annotations

from collections.abc import Callable

from edgeopt.errors import UsageError, suggestion
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.outlook import MostServedPerSecondOfVisit, Rolling
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.policy import Policy
from edgeopt.loading.policies.simple import (
    BatchWhenFull,
    EarliestDeadlineFirst,
    FirstComeFirstServed,
    LeastLoadFirst,
    MostServedPerSecond,
    MostServedPerSecondUnshared,
    SharedBlocks,
    WholeModelsByAge,
    WholeModelsByDeadline,
)
from edgeopt.loading.policies.simulation import simulate
from edgeopt.solution import Plan

POLICIES: dict[str, tuple[Callable[[], Policy], ...]] = {
    "fifo": (FirstComeFirstServed,),
    "edf": (EarliestDeadlineFirst,),
    "lru-models": (WholeModelsByAge, WholeModelsByDeadline),
    "lru-blocks": (SharedBlocks,),
    "batch-when-full": (BatchWhenFull,),
    "affinity": (LeastLoadFirst,),
    "density": (MostServedPerSecond,),
    "density-unshared": (MostServedPerSecondUnshared,),
    "visit-density": (MostServedPerSecondOfVisit,),
    "rolling": (Rolling,),
}


def policies_of(name: str) -> list[Policy]:
    """Make the policy of this name; where there are several, it is the better of them on a stream.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in POLICIES:
        raise UsageError(f"there is no policy {name!r}; {suggestion(name, list(POLICIES))}")
    return [make() for make in POLICIES[name]]


def replay_policy(instance: LoadingInstance, name: str) -> Plan:
    """Return the plan of what a policy does with a stream."""
    replays = [simulate(instance, policy) for policy in policies_of(name)]
    return plan_of(max(replays, key=lambda replay: replay.served))

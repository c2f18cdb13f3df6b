"""The policies by name."""

from __future__ import annotations

from collections.abc import Callable

from edgeopt.errors import UsageError, suggestion
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.idle import LoadsInIdleTime
from edgeopt.loading.policies.outlook import MostServedPerSecondOfVisit, Rolling
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.policy import Policy
from edgeopt.loading.policies.priced import safely_priced
from edgeopt.loading.policies.prices import Prices
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
    "density-idle": (LoadsInIdleTime,),
    "density-unshared": (MostServedPerSecondUnshared,),
    "visit-density": (MostServedPerSecondOfVisit,),
    "rolling": (Rolling,),
}
PRICED = "priced"


def policies_of(name: str, prices: Prices | None = None) -> list[Policy]:
    """Make the policy of this name; where there are several, it is the better of them on a stream.

    Raises
    ------
    UsageError
        There is none, or it needs prices.
    """
    if name == PRICED:
        if prices is None:
            raise UsageError(f"the policy {name!r} needs prices, which are learned from a past stream")
        return [safely_priced(prices)]
    if name not in POLICIES:
        raise UsageError(f"there is no policy {name!r}; {suggestion(name, [*POLICIES, PRICED])}")
    return [make() for make in POLICIES[name]]


def replay_policy(instance: LoadingInstance, name: str) -> Plan:
    """Return the plan of what a policy does with a stream."""
    replays = [simulate(instance, policy) for policy in policies_of(name)]
    return plan_of(max(replays, key=lambda replay: replay.served))

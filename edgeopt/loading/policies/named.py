"""The policies by name."""

from __future__ import annotations

from collections.abc import Callable

from edgeopt.errors import UsageError, suggestion
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.policy import Policy
from edgeopt.loading.policies.simple import (
    EarliestDeadlineFirst,
    FirstComeFirstServed,
    LeastLoadFirst,
    MostServedPerSecond,
)
from edgeopt.loading.policies.simulation import simulate
from edgeopt.solution import Plan

POLICIES: dict[str, Callable[[], Policy]] = {
    "fifo": FirstComeFirstServed,
    "edf": EarliestDeadlineFirst,
    "affinity": LeastLoadFirst,
    "density": MostServedPerSecond,
}


def policy_of(name: str) -> Policy:
    """Make the policy of this name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in POLICIES:
        raise UsageError(f"there is no policy {name!r}; {suggestion(name, list(POLICIES))}")
    return POLICIES[name]()


def replay_policy(instance: LoadingInstance, name: str) -> Plan:
    """Return the plan of what a policy does with a stream."""
    return plan_of(simulate(instance, policy_of(name)))

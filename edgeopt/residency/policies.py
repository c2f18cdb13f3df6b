"""What servers do without knowing the requests to come: the baselines of `residency`."""

from __future__ import annotations

from edgeopt.residency.arrays import Intervals
from edgeopt.residency.costs import CheapestEviction
from edgeopt.residency.nothing import if_all_models_fit
from edgeopt.residency.residents import Residents, follow
from edgeopt.run import Outcome, Run


def least_recently_used(residents: Residents, model: int) -> None:
    """Drop the model used longest ago, and the next one, until the new one fits."""
    while residents.bytes_with(model) > residents.intervals.instance.memory_bytes:
        residents.evict(next(iter(residents.models)))


def everything(residents: Residents, model: int) -> None:
    """Drop every model."""
    for other in list(residents.models):
        residents.evict(other)


@if_all_models_fit
def solve_lru(intervals: Intervals, run: Run) -> Outcome:
    """Drop the models used longest ago until the new one fits."""
    return Outcome(intervals.plan(follow(intervals, least_recently_used)))


@if_all_models_fit
def solve_one_at_a_time(intervals: Intervals, run: Run) -> Outcome:
    """Drop every model for the next one; blocks that both hold stay."""
    return Outcome(intervals.plan(follow(intervals, everything)))


@if_all_models_fit
def solve_costs(intervals: Intervals, run: Run) -> Outcome:
    """Drop the models whose rate times seconds of loading is least in sum."""
    policy = CheapestEviction(intervals)
    return Outcome(intervals.plan(follow(intervals, policy)), message=policy.remark)

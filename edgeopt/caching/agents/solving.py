"""The method `policy:FILE`: trained agents fill the caches of an instance."""

from __future__ import annotations

import numpy as np

from edgeopt.caching.agents.policy import TrainedPolicy
from edgeopt.caching.agents.world import tabulate
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.pipeline import work_up
from edgeopt.run import Outcome, Run


def solve_by_policy(instance: CachingInstance, run: Run, file: str) -> Outcome:
    """Let the agents of a policy file move, and keep the best caches on the way.

    Parameters
    ----------
    instance : CachingInstance
    run : Run
        The iteration limit is the number of rounds; default: as in training.
    file : str
        Policy file.

    Raises
    ------
    InputError
        The file is not a policy.
    UsageError
        Nothing is requested, or a block would never arrive from some caches.
    """
    policy = TrainedPolicy.read(file)
    work = work_up(instance, run)
    if work.outcome is not None:
        return work.outcome
    if not work.tables.complete:
        return Outcome(stopped=work.stopped, message="The time ended before all rates were known")
    world = tabulate([work.tables])
    rounds = policy.recipe.rounds if run.options.iteration_limit is None else run.options.iteration_limit
    played = policy.play(world, rounds)
    delays = played.delays(world)[0]
    best = int(np.argmin(delays))
    outcome = work.of_caches(played.masks[0, best])
    after = -(-best // policy.recipe.steps(len(world.nodes), rounds=1))
    outcome.message = f"The agents' caches after {after} of {rounds} rounds; they ended with {delays[-1]:.6g} s"
    return outcome

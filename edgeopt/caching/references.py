"""References for the methods of `caching`: whole models, no sharing, no cooperation, no migration, chance."""

from __future__ import annotations

from edgeopt.caching.baselines import alone, random_masks, whole_models, without_migration, without_sharing
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.pipeline import no_plan_where, through_world, work_up
from edgeopt.run import Outcome, Run


def solve_coarse(instance: CachingInstance, run: Run) -> Outcome:
    """Cache whole models."""
    return through_world(instance, whole_models(instance), run)


def solve_no_sharing(instance: CachingInstance, run: Run) -> Outcome:
    """Cache blocks as if no two models shared any."""
    return through_world(instance, without_sharing(instance), run)


def solve_without_cooperation(instance: CachingInstance, run: Run) -> Outcome:
    """Send every block from a single node."""
    work = work_up(instance, run, alone)
    if work.outcome is not None:
        return no_plan_where("nodes send alone", work)
    priced = work.priced()
    return work.of_choice(priced.menu, priced.dual.choice)


def solve_without_migration(instance: CachingInstance, run: Run) -> Outcome:
    """Cache and cooperate as if blocks came from the cloud only."""
    work = work_up(without_migration(instance), run)
    if work.outcome is not None:
        return no_plan_where("nodes have no links", work)
    priced = work.priced()
    return work.of_choice(priced.menu, priced.dual.choice)


def solve_random(instance: CachingInstance, run: Run) -> Outcome:
    """Cache random blocks as long as they fit; deliver them as well as the rates allow."""
    work = work_up(instance, run)
    return work.outcome or work.of_caches(random_masks(work.tables, run.options.seed))

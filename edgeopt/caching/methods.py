"""Importing this module registers the methods of `caching`; what a method needs is imported when it runs.

All of them choose beams with the dual beamformer, so that their objectives compare; `exact` improves these beams.
"""

from __future__ import annotations

from dataclasses import replace

from edgeopt.caching.instance import CachingInstance
from edgeopt.method import method
from edgeopt.run import Outcome, Run

FULL_TABLE_NODES = 8  # as of the rate tables, which are not imported here
PROGRAM_GAP = 5e-3  # below it, 'neighbourhood' does without the program
PROGRAM_NODES = 100  # of its branch and bound
MOST_NODES = 62  # sets of nodes are bits of 64-bit integers


def _too_many_nodes(instance: CachingInstance) -> str | None:
    if len(instance.nodes) > FULL_TABLE_NODES:
        count = len(instance.nodes)
        return f"{count} nodes have more sets than those of {FULL_TABLE_NODES}, its most; 'neighbourhood' applies"
    return None


def _few_nodes(instance: CachingInstance) -> str | None:
    if len(instance.nodes) <= FULL_TABLE_NODES:
        return f"it is for more than {FULL_TABLE_NODES} nodes; 'exact' applies"
    return _far_too_many_nodes(instance)


def _far_too_many_nodes(instance: CachingInstance) -> str | None:
    if len(instance.nodes) > MOST_NODES:
        return (
            f"{len(instance.nodes)} nodes are more than the {MOST_NODES} that any method here takes; split the network"
        )
    return None


@method(
    "caching",
    "exact",
    kind="exact",
    guarantee="optimal where its beams meet their certificates, else a gap; its bound holds for any nodes and beams",
    fits=_too_many_nodes,
)
def solve_exact(instance: CachingInstance, run: Run) -> Outcome:
    """Solve the program with bounds on rates, and with better beams, both made where the optimum uses them."""
    from edgeopt.caching.exact import solve_exact

    return solve_exact(instance, run)


@method(
    "caching",
    "neighbourhood",
    kind="heuristic",
    guarantee="none; its bound holds for any caches, nodes and beams",
    fits=_few_nodes,
)
def solve_neighbourhood(instance: CachingInstance, run: Run) -> Outcome:
    """Prices over useful sets, better sets by branch and bound, local search; then HiGHS on these sets."""
    from edgeopt.caching.program import solve_menu
    from edgeopt.caching.solving import work_up

    work = work_up(instance, run)
    if work.outcome is not None:
        return work.outcome
    priced = work.searched()
    if priced.gap <= PROGRAM_GAP:
        return work.result(priced)
    # The program's own bound is that of its menu only, so it must not be reported.
    within = run.part(run.remaining_s())
    found = solve_menu(work.tables, priced.menu, priced.dual, within, PROGRAM_NODES)
    return work.result(replace(priced, dual=replace(priced.dual, choice=found.choice)))


@method(
    "caching",
    "lagrangian",
    kind="heuristic",
    guarantee="none; beyond 8 nodes a bound, of the linear relaxation",
    fits=_far_too_many_nodes,
)
def solve_lagrangian(instance: CachingInstance, run: Run) -> Outcome:
    """Prices on storage by subgradients, choices repaired on the way."""
    from edgeopt.caching.solving import work_up

    work = work_up(instance, run)
    return work.outcome or work.result(work.priced())


@method(
    "caching",
    "local-search",
    kind="heuristic",
    guarantee="none; at least as good as lagrangian",
    fits=_far_too_many_nodes,
)
def solve_local_search(instance: CachingInstance, run: Run) -> Outcome:
    """Moves and exchanges from the choices at disturbed prices."""
    from edgeopt.caching.solving import work_up

    work = work_up(instance, run)
    return work.outcome or work.result(work.searched())


@method("caching", "greedy", kind="heuristic", guarantee="none", fits=_far_too_many_nodes)
def solve_greedy(instance: CachingInstance, run: Run) -> Outcome:
    """Jump to any set of nodes by gain per byte."""
    from edgeopt.caching.greedy import greedy_choice
    from edgeopt.caching.solving import work_up

    work = work_up(instance, run)
    return work.outcome or work.of_choice(work.menu, greedy_choice(work.menu))


@method(
    "caching",
    "bound",
    kind="bound",
    guarantee="a bound, no plan: for any caches and any beams",
    fits=_far_too_many_nodes,
)
def solve_bound(instance: CachingInstance, run: Run) -> Outcome:
    """Bound the delay by prices, every rate replaced by one that no beamformer can exceed."""
    from edgeopt.caching.solving import universal_bound

    return universal_bound(instance, run)


@method(
    "caching",
    "coarse",
    kind="baseline",
    guarantee="none: whole models, chosen as if nothing were shared",
    fits=_far_too_many_nodes,
)
def solve_coarse(instance: CachingInstance, run: Run) -> Outcome:
    """Cache whole models."""
    from edgeopt.caching.baselines import whole_models
    from edgeopt.caching.solving import through_world

    return through_world(instance, whole_models(instance), run)


@method(
    "caching",
    "no-sharing",
    kind="baseline",
    guarantee="none: blocks, chosen as if each model had its own copies",
    fits=_far_too_many_nodes,
)
def solve_no_sharing(instance: CachingInstance, run: Run) -> Outcome:
    """Cache blocks as if no two models shared any."""
    from edgeopt.caching.baselines import without_sharing
    from edgeopt.caching.solving import through_world

    return through_world(instance, without_sharing(instance), run)


@method(
    "caching", "no-comp", kind="baseline", guarantee="none: every block is sent by one node", fits=_far_too_many_nodes
)
def solve_without_cooperation(instance: CachingInstance, run: Run) -> Outcome:
    """Send every block from a single node."""
    from edgeopt.caching.baselines import alone
    from edgeopt.caching.solving import work_up

    work = work_up(instance, run, alone)
    if work.outcome is not None:
        return Outcome(message=work.outcome.message)
    found = work.priced()
    return work.of_choice(found.menu, found.dual.choice)


@method(
    "caching",
    "no-migration",
    kind="baseline",
    guarantee="none: chosen as if there were no links between nodes",
    fits=_far_too_many_nodes,
)
def solve_without_migration(instance: CachingInstance, run: Run) -> Outcome:
    """Cache and cooperate as if blocks came from the cloud only."""
    from edgeopt.caching.baselines import without_migration
    from edgeopt.caching.solving import work_up

    work = work_up(without_migration(instance), run)
    if work.outcome is not None:
        return work.outcome
    found = work.priced()
    return work.of_choice(found.menu, found.dual.choice)


@method("caching", "random", kind="baseline", guarantee="none", fits=_far_too_many_nodes)
def solve_random(instance: CachingInstance, run: Run) -> Outcome:
    """Cache random blocks as long as they fit; deliver them as well as the rates allow."""
    from edgeopt.caching.baselines import random_masks
    from edgeopt.caching.solving import work_up

    work = work_up(instance, run)
    return work.outcome or work.of_caches(random_masks(work.tables, run.options.seed))


@method(
    "caching",
    "policy",
    argument="FILE",
    kind="heuristic",
    guarantee="none: agents trained by `edgeopt train`",
    needs=("torch",),
    fits=_too_many_nodes,
)
def solve_by_policy(instance: CachingInstance, run: Run, file: str) -> Outcome:
    """Let the agents of a policy file fill the caches."""
    from edgeopt.caching.agents.solving import solve_by_policy

    return solve_by_policy(instance, run, file)

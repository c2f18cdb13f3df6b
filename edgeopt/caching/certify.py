"""Certificates for the problem itself: beams made better, and bounds on rates tighter, where the optimum looks at them.

The program is solved with upper bounds in place of rates: its optimum bounds the delay for any beams. The pairs (S, K)
that this optimum uses get semidefinite bounds and beams by successive convex approximation, and it is solved again,
until it uses no other pairs. Needs the extra `radio`.
"""

from __future__ import annotations

import numpy as np

from edgeopt.caching.beamforming.conic import clarabel
from edgeopt.caching.beamforming.sca import sca
from edgeopt.caching.beamforming.sdr import sdr_bounds
from edgeopt.caching.bounds import amplitude_bounds, certified, with_amplitudes
from edgeopt.caching.exact import solve_menu
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.lagrangian import solve_dual
from edgeopt.caching.local_search import search
from edgeopt.caching.rates import lower_subsets
from edgeopt.caching.search_kernels import Integers
from edgeopt.caching.solving import work_up
from edgeopt.caching.tables import Tables
from edgeopt.method import Options, Outcome

ROUNDS = 12
PAIRS = 40  # semidefinite programs in a round; one takes about half a second


def solve_certified(instance: CachingInstance, options: Options) -> Outcome:
    """Bound the delay over all caches and all beams, and find a plan near the bound."""
    clarabel()
    work = work_up(instance, options)
    if work.outcome is not None:
        return work.outcome
    tables = work.tables
    bounds, refined = amplitude_bounds(tables), set[tuple[int, int]]()
    best, objective, bound, quiet = None, np.inf, None, options.part(np.inf)
    while len(refined) <= ROUNDS * PAIRS:
        reached = tables.rates.amplitudes
        bounds = np.where(certified(reached, bounds), reached, bounds)
        upper = with_amplitudes(tables, bounds)
        masks, least = _optimum(upper, options)
        if least is not None and (bound is None or least > bound) and tables.complete:
            bound = least
            options.report(None, bound)
        for caches in [masks, _optimum(tables, options)[0] if not refined else None]:
            if caches is not None and tables.delay(caches) < objective:
                best, objective = caches, tables.delay(caches)
        used = [] if masks is None else [pair for pair in _pairs_used(upper, masks) if pair not in refined][:PAIRS]
        if not used or options.stop_reason() is not None:
            break
        refined.update(used)
        which, sets = np.array(used, np.int64).T
        pairs = tables.rates.pairs(which, sets)
        bounds[which, sets] = np.minimum(bounds[which, sets], sdr_bounds(tables.channels, pairs) * (1 + 1e-12))
        lower_subsets(bounds)
        tables.beamformer.learn(pairs, sca(tables.channels, pairs))
        tables = Tables(instance, quiet, tables.beamformer)
        objective = np.inf if best is None else tables.delay(best)
    if best is None:
        return work.of_choice(work.menu, None, bound, work.stopped)
    plan = tables.plan(best)
    message = (
        f"The bound holds for the problem itself: for any beams; {len(refined)} pairs of nodes and users have "
        "semidefinite certificates"
    )
    return Outcome(
        plan=plan, bound=None if bound is None else min(bound, objective), stopped=work.stopped, message=message
    )


def _optimum(tables: Tables, options: Options) -> tuple[Integers | None, float | None]:
    """Caches of least delay for the rates of the tables, and a bound."""
    quiet = options.part(options.remaining_s())
    menu = tables.full_menu()
    dual = solve_dual(menu, quiet)
    if dual.choice is not None:
        dual.choice = search(menu, dual.choice, dual.prices, quiet)
        dual.objective = menu.cost(dual.choice)
    found = solve_menu(tables, menu, dual, quiet)
    return None if found.choice is None else menu.masks[menu.group, found.choice], found.bound


def _pairs_used(tables: Tables, masks: Integers) -> list[tuple[int, int]]:
    """Audiences and sets of nodes that serve them when blocks are cached at these sets, without repetition."""
    from edgeopt.caching.table_kernels import best_prefix, waits_per_bit

    waits = np.empty(len(tables.node_names))
    found: dict[tuple[int, int], None] = {}
    for mask, group in zip(masks.tolist(), tables.requests.group.tolist(), strict=True):
        waits_per_bit(mask, tables.cloud, tables.link, waits)
        for audience in tables.requests.audience_of[group].values():
            _, chosen = best_prefix(waits, tables.rates.units[audience], tables.broadcasts.slowness[audience])
            found[audience, int(chosen)] = None
    return list(found)

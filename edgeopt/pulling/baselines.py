"""The baselines that the methods are compared with: no cloudlets, no sharing, the nearest site, and chance."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling import kernels
from edgeopt.pulling.arrays import ReducedInstance, reduce_instance
from edgeopt.pulling.checker import check
from edgeopt.pulling.core import Ints
from edgeopt.pulling.exact import solve_exact
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance, unless_decoupled
from edgeopt.pulling.unservable import unservable
from edgeopt.run import Outcome, Run
from edgeopt.solution import Plan, Stopped

NO_SHARING_GAP = 1e-3


@on_reduced_instance
def solve_cloud_only(reduced: ReducedInstance, run: Run) -> Outcome:
    """Serve everything in the cloud."""
    if not np.isfinite(reduced.core.cloud_cost).all():
        return Outcome(message="some request cannot be served in the cloud")
    return Outcome(reduced.plan(np.zeros(reduced.core.options, np.int64)))


def solve_no_sharing(instance: PullingInstance, run: Run) -> Outcome:
    """Decide as if models shared nothing, within 0.1 % of the optimum of that problem; scored with sharing."""
    apart = reduce_instance(instance, shared=False)
    reason = unservable(apart)
    if reason is not None:
        return Outcome(infeasible=True, message=reason)
    gap = max(run.options.gap, NO_SHARING_GAP)

    def take(plan: Plan) -> None:
        run.report(check(instance, plan).objective, plan=lambda: plan)

    part = run.part(iterations=run.options.iteration_limit, gap=gap, reports=take)
    outcome = unless_decoupled(solve_exact)(apart, part)
    if outcome.infeasible:
        return Outcome(message="without sharing, the limits leave some request unserved")
    return Outcome(outcome.plan, stopped=outcome.stopped if outcome.stopped != Stopped.PROVED else Stopped.FINISHED)


def _placed(reduced: ReducedInstance, sequence: Ints) -> Outcome:
    openings = Openings(reduced.core)
    kernels.place_in_order(openings.arrays, openings.state, sequence)
    amounts = openings.state.amounts.copy()
    if not reduced.core.feasible(amounts):
        return Outcome(message="some request that cannot be served in the cloud found no place")
    return Outcome(reduced.plan(amounts))


@on_reduced_instance
def solve_nearest(reduced: ReducedInstance, run: Run) -> Outcome:
    """Serve each request at the nearest site with room, largest counts first, by the model that pulls least."""
    core, groups = reduced.core, reduced.groups
    latency = reduced.network.routes.latency_s[groups.node[core.option_group], core.option_site]
    rate = reduced.network.routes.s_per_bit[groups.node[core.option_group], core.option_site]
    sending = latency + groups.input_bits[core.option_group] * rate
    size = reduced.network.model_bytes[core.option_site, core.option_model]
    weight = groups.count * groups.units
    return _placed(reduced, np.lexsort((size, sending, core.option_group, -weight[core.option_group])))


@on_reduced_instance
def solve_random(reduced: ReducedInstance, run: Run) -> Outcome:
    """Serve each request by a random model at a random site with room, in random order."""
    core, rng = reduced.core, np.random.default_rng(run.options.seed)
    order = rng.permutation(core.groups)
    return _placed(reduced, np.lexsort((rng.random(core.options), order[core.option_group])))

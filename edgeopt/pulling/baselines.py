"""The baselines that the methods are compared with: no cloudlets, no sharing, the nearest site, and chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeopt.pulling import kernels
from edgeopt.pulling.arrays import ReducedInstance
from edgeopt.pulling.core import Core, Ints
from edgeopt.pulling.exact import solve_exact
from edgeopt.pulling.openings import Openings
from edgeopt.pulling.reach import on_reduced_instance
from edgeopt.run import Outcome, Run

NO_SHARING_GAP = 1e-3


@on_reduced_instance
def solve_cloud_only(reduced: ReducedInstance, run: Run) -> Outcome:
    """Serve everything in the cloud."""
    if not np.isfinite(reduced.core.cloud_cost).all():
        return Outcome(message="some request does not reach the cloud")
    return Outcome(reduced.plan(np.zeros(reduced.core.options, np.int64)))


def unshared(reduced: ReducedInstance) -> Core:
    """Return the core in which every model brings its own copy of each block."""
    core, network = reduced.core, reduced.network
    pull = np.asarray((network.incidence @ core.atom_pull.T).T)
    models = np.arange(core.models)
    return core.replaced(
        atom_bytes=network.model_bytes,
        atom_pull=pull,
        model_start=np.arange(core.models + 1),
        model_atoms=models,
    )


@on_reduced_instance
def solve_no_sharing(reduced: ReducedInstance, run: Run) -> Outcome:
    """Decide as if models shared nothing, within 0.1 % of the optimum of that problem; scored with sharing."""
    apart = replace(reduced, core=unshared(reduced))
    gap = max(run.options.gap, NO_SHARING_GAP)
    outcome = solve_exact(apart, run.part(iterations=run.options.iteration_limit, gap=gap))
    if outcome.infeasible:
        return Outcome(message="without sharing, the limits leave some request unserved")
    return Outcome(outcome.plan, stopped=outcome.stopped)


def _placed(reduced: ReducedInstance, sequence: Ints) -> Outcome:
    openings = Openings(reduced.core)
    kernels.place_in_order(openings.arrays, openings.state, sequence)
    amounts = openings.state.amounts.copy()
    if not reduced.core.feasible(amounts):
        return Outcome(message="some request that does not reach the cloud found no place")
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

"""What the methods are compared with: no cloudlets, no sharing, the nearest site, and chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeopt.pulling import kernels
from edgeopt.pulling.arrays import Arrays
from edgeopt.pulling.core import Core, Ints
from edgeopt.pulling.exact import solve_exact
from edgeopt.pulling.openings import Search
from edgeopt.pulling.reach import reduced
from edgeopt.run import Outcome, Run

NO_SHARING_GAP = 1e-3


@reduced
def solve_cloud_only(arrays: Arrays, run: Run) -> Outcome:
    """Serve everything in the cloud."""
    if not np.isfinite(arrays.core.cloud_cost).all():
        return Outcome(message="some request does not reach the cloud")
    return Outcome(arrays.plan(np.zeros(arrays.core.options, np.int64)))


def unshared(arrays: Arrays) -> Core:
    """Return the core in which every model brings its own copy of each block."""
    core, network = arrays.core, arrays.network
    pull = np.asarray((network.incidence @ core.atom_pull.T).T)
    models = np.arange(core.models)
    return core.replaced(
        atom_bytes=network.model_bytes,
        atom_pull=pull,
        model_start=np.arange(core.models + 1),
        model_atoms=models,
    )


@reduced
def solve_no_sharing(arrays: Arrays, run: Run) -> Outcome:
    """Decide as if models shared nothing, within 0.1 % of the optimum of that problem; scored with sharing."""
    apart = replace(arrays, core=unshared(arrays))
    gap = max(run.options.gap, NO_SHARING_GAP)
    found = solve_exact(apart, run.part(iterations=run.options.iteration_limit, gap=gap))
    if found.infeasible:
        return Outcome(message="without sharing, the limits leave some request unserved")
    return Outcome(found.plan, stopped=found.stopped)


def _placed(arrays: Arrays, sequence: Ints) -> Outcome:
    search = Search(arrays.core)
    kernels.place_in_order(search.tables, search.state, sequence)
    amounts = search.state.amounts.copy()
    if not arrays.core.feasible(amounts):
        return Outcome(message="some request that does not reach the cloud found no place")
    return Outcome(arrays.plan(amounts))


@reduced
def solve_nearest(arrays: Arrays, run: Run) -> Outcome:
    """Serve each request at the nearest site with room, largest counts first, by the model that pulls least."""
    core, groups = arrays.core, arrays.groups
    latency = arrays.network.routes.latency_s[groups.node[core.option_group], core.option_site]
    rate = arrays.network.routes.s_per_bit[groups.node[core.option_group], core.option_site]
    sending = latency + groups.input_bits[core.option_group] * rate
    size = arrays.network.model_bytes[core.option_site, core.option_model]
    weight = groups.count * groups.units
    return _placed(arrays, np.lexsort((size, sending, core.option_group, -weight[core.option_group])))


@reduced
def solve_random(arrays: Arrays, run: Run) -> Outcome:
    """Serve each request by a random model at a random site with room, in random order."""
    core, rng = arrays.core, np.random.default_rng(run.options.seed)
    order = rng.permutation(core.groups)
    return _placed(arrays, np.lexsort((rng.random(core.options), order[core.option_group])))

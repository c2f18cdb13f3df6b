"""The reduction of an instance to its core (admissible models, exact reductions, merged requests), and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeopt.pulling.admissible import Admissible, admissible_models
from edgeopt.pulling.core import Core, Flags, Floats, Ints
from edgeopt.pulling.dominance import Dominance
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.request_groups import RequestGroups, merge_requests
from edgeopt.pulling.site_network import SiteNetwork, compile_network
from edgeopt.pulling.work import Work, exact_work, work_at_sites, work_of_samples
from edgeopt.run import Run
from edgeopt.solution import Plan


@dataclass
class ReducedInstance:
    """An instance, its network and groups, and the core that methods solve.

    Attributes
    ----------
    cutoff : numpy.ndarray, shape (groups,)
        Seconds per unit of the cheapest option that was left out although it might be of use; infinite without one.
    least_work : numpy.ndarray of int64, shape (options,)
        The work of the core's options rounded down; theirs is rounded up. Both are exact wherever 64 bits hold it.
    """

    instance: PullingInstance
    network: SiteNetwork
    groups: RequestGroups
    core: Core
    cloud_model: Ints
    cutoff: Floats
    least_work: Ints

    @property
    def relaxed(self) -> Core:
        """A core whose optimum bounds the instance's from below, and which has a solution where the instance has one.

        What was left out is served anywhere at its cost, and work is rounded down.
        """
        cloud_cost = np.minimum(self.core.cloud_cost, self.cutoff)
        return self.core.replaced(cloud_cost=cloud_cost, option_work=self.least_work)

    def plan(self, amounts: Ints) -> Plan:
        """Make the plan that serves `amounts[o]` units by option o and the rest in the cloud."""
        names, sites = self.network.library.sharing.model_names, self.network.routes.sites
        core, start = self.core, self.core.group_start
        assignments: dict[str, dict[str, str]] = {}
        for group, members in enumerate(self.groups.members):
            waiting = iter(members)
            for option in range(start[group], start[group + 1]):
                if amounts[option] > 0:
                    choice = {"model": names[core.option_model[option]], "site": sites[core.option_site[option]]}
                    for name in self._taken(waiting, group, int(amounts[option])):
                        assignments[name] = dict(choice)
            for name in waiting:
                assignments[name] = {"model": names[self.cloud_model[group]], "site": sites[-1]}
        return {"assignments": {name: assignments[name] for name in self.instance.requests}}

    def _taken(self, waiting: Iterator[str], group: int, units: int) -> Iterator[str]:
        """Return the next units of a group; a unit without compute limits is the whole group."""
        whole = self.groups.units[group] == 1
        for position, name in enumerate(waiting, 1):
            yield name
            if not whole and position == units:
                return

    def start(self, run: Run) -> Ints | None:
        """Return the amounts of the solution that a run starts from, where the reductions keep it feasible."""
        given = run.options.start
        amounts = None if given is None or given.plan is None else self.amounts(given.plan)
        return amounts if amounts is not None and self.core.feasible(amounts) else None

    def amounts(self, plan: Plan) -> Ints:
        """Return the units that a feasible plan gives to each option; dropped assignments go to the cloud.

        A merged group takes the cheapest option that one of its requests uses.
        """
        model = {name: index for index, name in enumerate(self.network.library.sharing.model_names)}
        site = {name: index for index, name in enumerate(self.network.routes.sites)}
        core, start = self.core, self.core.group_start
        amounts = np.zeros(core.options, np.int64)
        for group, members in enumerate(self.groups.members):
            options = range(start[group], start[group + 1])
            at = {(core.option_model[option], core.option_site[option]): option for option in options}
            for name in members:
                choice = plan["assignments"][name]
                option = at.get((model[choice["model"]], site[choice["site"]]))
                if option is not None:
                    amounts[option] += 1
            if self.groups.units[group] == 1 and len(members) > 1:
                used = np.flatnonzero(amounts[start[group] : start[group + 1]])
                amounts[start[group] : start[group + 1]] = 0
                amounts[start[group] + used[:1]] = 1
        return amounts


def reduce_instance(instance: PullingInstance, most: int | None = None, shared: bool = True) -> ReducedInstance:
    """Reduce an instance to its core.

    All reductions keep an optimal plan. Models that do not fit a site, options no cheaper than the cloud, and
    models dominated at a site are left out. Equal requests are merged, and without compute limits they are merged
    whatever their counts. The bytes of a site where everything fits do not count.

    Parameters
    ----------
    instance : PullingInstance
    most : int, optional
        Keep about so many options, the cheapest of each group: a plan of these is a plan, but perhaps not the best.
    shared : bool
        False: every model brings its own copy of each block.
    """
    admissible = admissible_models(instance)
    network = compile_network(instance, admissible.values())
    if not shared:
        network = network.unshared()
    work, limits = exact_work(network.flops, instance)
    limits = _binding_limits(instance, admissible, network, work, limits)
    limited = np.array([limit is not None for limit in limits], np.bool_)
    groups = merge_requests(instance, admissible, network, bool(limited.any()))
    cloud_model, cloud_cost = _cloud(groups, network)
    nearest = _Nearest(len(groups), None if most is None else max(1, most // max(1, len(groups))))
    core, least_work = _core(groups, network, cloud_cost, work, limits, nearest)
    return ReducedInstance(instance, network, groups, core, cloud_model, nearest.cutoff, least_work)


def _binding_limits(
    instance: PullingInstance,
    admissible: dict[str, Admissible],
    network: SiteNetwork,
    work: list[int],
    limits: list[int | None],
) -> list[int | None]:
    """Return the limits that are below the most work that could come together, None for the others."""
    if all(limit is None for limit in limits):
        return limits
    index = {name: position for position, name in enumerate(network.library.models)}
    most = {kind: max((work[index[name]] for name in kind.models), default=0) for kind in set(admissible.values())}
    total = sum(r.count * r.samples * most[admissible[name]] for name, r in instance.requests.items())
    return [limit if limit is not None and limit < total else None for limit in limits]


def _cloud(groups: RequestGroups, network: SiteNetwork) -> tuple[Ints, Floats]:
    """Return the quickest model of each group in the cloud, and its seconds per unit; infinite where it may not."""
    routes, speed = network.routes, network.instance.cloud.speed_flops_per_s
    model, serving = np.full(len(groups), -1, np.int64), np.full(len(groups), np.inf)
    for group, models in enumerate(groups.models):
        if len(models) and groups.allowed[group][-1]:
            seconds = groups.samples[group] * network.flops[models] / speed + groups.delay[group]
            model[group], serving[group] = models[np.argmin(seconds)], seconds.min()
    rate = routes.s_per_bit[groups.node, -1]
    sending = routes.latency_s[groups.node, -1] + groups.input_bits * np.where(np.isfinite(rate), rate, 0.0)
    return model, groups.count * (sending + network.queue[-1] + serving)


Columns = tuple[Ints, Ints, Ints, Floats, Work]  # group, model, site, seconds and work per unit


class _Nearest:
    """Collects options, and keeps the cheapest of each group when there are too many."""

    def __init__(self, groups: int, each: int | None) -> None:
        self.each, self.cutoff = each, np.full(groups, np.inf)
        empty = np.empty(0, np.int64)
        self.parts: list[Columns] = [(empty, empty, empty, np.empty(0), empty)]
        self.count = 0

    def add(self, part: Columns) -> None:
        self.parts.append(part)
        self.count += len(part[0])
        if self.each is not None and self.count > 2 * self.each * len(self.cutoff):
            self.parts = [self.sorted()]
            self.count = len(self.parts[0][0])

    def sorted(self) -> Columns:
        """Return the options by group, and by cost within a group."""
        group, model, site, cost, work = (np.concatenate([part[field] for part in self.parts]) for field in range(5))
        order = np.lexsort((cost, group))
        if self.each is not None:
            first = np.searchsorted(group[order], np.arange(len(self.cutoff)))
            near = np.arange(len(order)) - first[group[order]] < self.each
            left_out = order[~near]
            np.minimum.at(self.cutoff, group[left_out], cost[left_out])
            order = order[near]
        return group[order], model[order], site[order], cost[order], work[order]


def _core(
    groups: RequestGroups,
    network: SiteNetwork,
    cloud_cost: Floats,
    work: list[int],
    limits: list[int | None],
    nearest: _Nearest,
) -> tuple[Core, Ints]:
    """Make the core, and the work of its options rounded down."""
    samples = [int(s) * int(c) * int(u) for s, c, u in zip(groups.samples, groups.count, groups.units, strict=True)]
    model_work = work_of_samples(sum(samples), work)
    alike = groups.alike()
    atom_bytes = _bytes_that_count(groups, alike, network)
    limited = np.array([limit is not None for limit in limits], np.bool_)
    dominance = Dominance(network, (atom_bytes > 0) | (network.atom_pull > 0), limited)
    for rows in alike:
        for site in np.flatnonzero(groups.allowed[rows[0]][:-1]).tolist():
            nearest.add(_options(groups, network, rows, site, dominance, cloud_cost, model_work, limits[site]))
    option_group, option_model, option_site, option_cost, exact = nearest.sorted()
    least_work, option_work, work_limit = work_at_sites(groups.units, option_group, option_site, exact, limits)
    core = Core(
        groups.units,
        cloud_cost,
        option_group,
        option_model,
        option_site,
        option_cost,
        option_work,
        network.memory,
        work_limit,
        atom_bytes,
        np.where(network.arrives, network.atom_pull, 0.0),
        network.incidence.indptr.astype(np.int64),
        network.incidence.indices.astype(np.int64),
    )
    return core, least_work


def _bytes_that_count(groups: RequestGroups, alike: list[Ints], network: SiteNetwork) -> Ints:
    """Return the bytes of each atom, none at sites where all that could be pulled fits, shape (sites, atoms)."""
    usable = np.zeros(network.fits.shape, np.bool_)
    for rows in alike:
        usable[np.ix_(np.flatnonzero(groups.allowed[rows[0]][:-1]), groups.models[rows[0]])] = True
    needed = (network.incidence.T @ (usable & network.fits).astype(np.int64).T).T > 0
    everything: Ints = np.where(needed, network.atom_bytes, 0).sum(axis=1)
    return np.where((everything > network.memory)[:, None], network.atom_bytes, 0)


def _options(
    groups: RequestGroups,
    network: SiteNetwork,
    rows: Ints,
    site: int,
    dominance: Dominance,
    cloud_cost: Floats,
    model_work: Work,
    limit: int | None,
) -> Columns:
    """Return the options of some groups with equal models, delays and sites at a site."""
    fits = network.fits[site, groups.models[rows[0]]]
    models = groups.models[rows[0]][fits]
    given = groups.delay[rows[0]][fits] + network.wait[site, models]
    sizes, size_of = np.unique(groups.samples[rows], return_inverse=True)
    seconds = sizes[:, None] * network.flops[models] / network.speed[site] + given
    undominated = dominance.undominated(models, site, seconds)
    node, count = groups.node[rows], groups.count[rows]
    rate = network.routes.s_per_bit[node, site]
    sending = network.routes.latency_s[node, site] + groups.input_bits[rows] * np.where(np.isfinite(rate), rate, 0.0)
    cost = count[:, None] * (sending[:, None] + network.queue[site] + seconds[size_of])
    samples: Any = groups.samples[rows].astype(model_work.dtype)
    need: Work = (samples * count)[:, None] * model_work[models]
    possible: Flags = (cost < cloud_cost[rows][:, None]) & undominated[size_of]
    if limit is not None:
        possible &= (need <= limit).astype(np.bool_)
    kept, which = np.nonzero(possible)
    return rows[kept], models[which], np.full(len(kept), site), cost[kept, which], need[kept, which]

"""The reduction of an instance to its core (admissible models, exact reductions, merged requests), and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.libraries.library import ModelLibrary
from edgeopt.pulling.core import UNLIMITED, Core, Flags, Floats, Ints
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.routes import Routes
from edgeopt.run import Run
from edgeopt.solution import Plan

LARGEST_WORK = 2**61

Work = NDArray[np.int64] | NDArray[np.object_]  # Python's integers where 64 bits could overflow


@dataclass
class Network:
    """The sites and routes, and what each model and atom takes there; only models that some request admits.

    Attributes
    ----------
    library : ModelLibrary
        Library of these models only.
    routes : Routes
    flops : numpy.ndarray, shape (models,)
        Operations per sample.
    speed : numpy.ndarray, shape (sites,)
        Operations per second of the cloudlets.
    memory : numpy.ndarray of int64, shape (sites,)
    atom_bytes, atom_pull : numpy.ndarray, shape (sites, atoms)
    """

    instance: PullingInstance
    library: ModelLibrary
    routes: Routes
    flops: Floats
    speed: Floats
    memory: Ints
    atom_bytes: Ints
    atom_pull: Floats

    @cached_property
    def incidence(self) -> sparse.csr_array:
        """1 where the model holds the atom, shape (models, atoms)."""
        return self.library.sharing.incidence

    @cached_property
    def model_bytes(self) -> Ints:
        """Bytes of each model that are not resident, shape (sites, models)."""
        return np.asarray((self.incidence @ self.atom_bytes.T).T, np.int64)

    @cached_property
    def fits(self) -> Flags:
        """Whether a model alone fits into a site and can be pulled, shape (sites, models)."""
        unreachable = (self.incidence @ np.isinf(self.atom_pull).astype(np.int64).T).T > 0
        return (self.model_bytes <= self.memory[:, None]) & ~unreachable

    def undominated(self, models: Ints, site: int) -> Flags:
        """Leave out models that need a superset of another's atoms at the site and no fewer operations."""
        costly = (self.atom_bytes[site] > 0) | (self.atom_pull[site] > 0)
        needs = self.incidence[models][:, np.flatnonzero(costly)]
        common = (needs @ needs.T).toarray()
        subset = common == np.diag(common)[:, None]  # subset[i, k]: i needs nothing that k does not
        flops = self.flops[models]
        fewer = flops[:, None] < flops[None, :]
        equal = flops[:, None] == flops[None, :]
        strict = ~subset.T | (np.arange(len(models))[:, None] < np.arange(len(models))[None, :])
        undominated: Flags = ~(subset & (fewer | (equal & strict)) & ~np.eye(len(models), dtype=bool)).any(axis=0)
        return undominated


@dataclass
class RequestGroups:
    """Requests that every method may treat alike.

    Attributes
    ----------
    members : list of list of str
        Names of the requests.
    models : list of numpy.ndarray of int64
        Admissible models, one entry for each group; equal sets are the same object.
    node : numpy.ndarray of int64
        Row of the node in the routes.
    input_bits, samples : numpy.ndarray
    count : numpy.ndarray of int64
        Requests in one unit.
    units : numpy.ndarray of int64
    """

    members: list[list[str]]
    models: list[Ints]
    node: Ints
    input_bits: Floats
    samples: Ints
    count: Ints
    units: Ints


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
    network: Network
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


def reduce_instance(instance: PullingInstance, most: int | None = None) -> ReducedInstance:
    """Reduce an instance to its core.

    All reductions keep an optimal plan: models that do not fit a site, options no cheaper than the cloud, and models
    dominated at a site are left out; equal requests are merged, and without compute limits whatever their counts.

    Parameters
    ----------
    instance : PullingInstance
    most : int, optional
        Keep about so many options, the cheapest of each group: a plan of these is a plan, but perhaps not the best.
    """
    resolved = admissible_models(instance)
    network = compile_network(instance, resolved)
    work, limits = _exact_work(network)
    binding = _binding_limits(instance, resolved, network, work, limits)
    groups = _merge(instance, resolved, network, bool(binding.any()))
    limits = [limit if bound else None for limit, bound in zip(limits, binding, strict=True)]
    cloud_model, cloud_cost = _cloud(groups, network)
    nearest = _Nearest(len(groups.units), None if most is None else max(1, most // max(1, len(groups.units))))
    core, least_work = _core(groups, network, cloud_cost, _work_of_samples(groups, work), limits, nearest)
    return ReducedInstance(instance, network, groups, core, cloud_model, nearest.cutoff, least_work)


def admissible_models(instance: PullingInstance) -> dict[str, tuple[str, ...]]:
    """Return the models that may serve each request."""
    cache: dict[object, tuple[str, ...]] = {}
    order = {name: position for position, name in enumerate(instance.library.models)}
    admissible = {}
    for name, request in instance.requests.items():
        key = tuple(request.models) if request.models is not None else (request.task, request.min_accuracy)
        if key not in cache:
            if request.models is not None:
                cache[key] = tuple(sorted(request.models, key=order.__getitem__))
            else:
                least = request.min_accuracy or 0.0
                cache[key] = tuple(
                    name_of_model
                    for name_of_model, model in instance.library.models.items()
                    if model.task == request.task and model.accuracy is not None and model.accuracy >= least
                )
        admissible[name] = cache[key]
    return admissible


def compile_network(instance: PullingInstance, resolved: dict[str, tuple[str, ...]]) -> Network:
    """Find routes, and what each atom takes at each site."""
    used = {model for models in set(resolved.values()) for model in models}
    library = instance.library.restricted(name for name in instance.library.models if name in used)
    routes, sharing = Routes(instance), library.sharing
    atom_of = {block: index for index, atom in enumerate(sharing.atoms) for block in atom.blocks}
    blocks = np.array([len(atom.blocks) for atom in sharing.atoms], np.int64)
    sites = len(instance.cloudlets)
    atom_bytes = np.tile(sharing.atom_bytes, (sites, 1))
    atom_pull = np.zeros((sites, len(sharing.atoms)))
    memory = np.empty(sites, np.int64)
    for site, cloudlet in enumerate(instance.cloudlets.values()):
        row, override = routes.nodes[routes.sites[site]], cloudlet.pull_delay_s
        resident = cloudlet.resident or []
        memory[site] = cloudlet.memory_bytes - sum(instance.library.blocks[block] for block in resident)
        missing = blocks.copy()
        for block in filter(atom_of.__contains__, resident):
            atom_bytes[site, atom_of[block]] -= library.blocks[block]
            missing[atom_of[block]] -= 1
        routed = atom_bytes[site].copy()
        if isinstance(override, dict):
            for block in filter(atom_of.__contains__, override.keys() - set(resident)):
                atom_pull[site, atom_of[block]] += override[block]
                routed[atom_of[block]] -= library.blocks[block]
                missing[atom_of[block]] -= 1
        if isinstance(override, float):
            atom_pull[site] = override * missing
        else:
            paid, latency, rate = missing > 0, routes.latency_s[row, -1], routes.s_per_bit[row, -1]
            routed_s = missing[paid] * latency + 8 * routed[paid] * rate if np.isfinite(rate) else np.inf
            atom_pull[site, paid] += routed_s
    models = library.models.values()
    return Network(
        instance,
        library,
        routes,
        flops=np.array([model.flops_per_sample or 0.0 for model in models]),
        speed=np.array([cloudlet.speed_flops_per_s for cloudlet in instance.cloudlets.values()]),
        memory=memory,
        atom_bytes=atom_bytes,
        atom_pull=atom_pull,
    )


def _exact_work(network: Network) -> tuple[list[int], list[int | None]]:
    """Return the operations per sample of each model and the limit of each site, as integers of one common unit."""
    flops = [Fraction(value) for value in network.flops.tolist()]
    scale = lcm(*(value.denominator for value in flops))
    work = [int(value * scale) for value in flops]
    unit = reduce(gcd, work, 0) or 1
    limits = [cloudlet.compute_flops for cloudlet in network.instance.cloudlets.values()]
    exact = [None if limit is None else int(Fraction(limit) * scale // unit) for limit in limits]
    return [value // unit for value in work], exact


def _binding_limits(
    instance: PullingInstance,
    resolved: dict[str, tuple[str, ...]],
    network: Network,
    work: list[int],
    limits: list[int | None],
) -> Flags:
    """Say whether the limit of a site is below the most work that could come together there."""
    index = {name: position for position, name in enumerate(network.library.models)}
    most = {models: max((work[index[model]] for model in models), default=0) for models in set(resolved.values())}
    if all(limit is None for limit in limits):
        return np.zeros(len(limits), np.bool_)
    total = sum(r.count * r.samples * most[resolved[name]] for name, r in instance.requests.items())
    return np.array([limit is not None and limit < total for limit in limits], np.bool_)


def _merge(
    instance: PullingInstance, resolved: dict[str, tuple[str, ...]], network: Network, limited: bool
) -> RequestGroups:
    index = {name: position for position, name in enumerate(network.library.models)}
    sets = {models: np.array([index[model] for model in models], np.int64) for models in set(resolved.values())}
    merged: dict[tuple[object, ...], list[str]] = {}
    for name, request in instance.requests.items():
        key = (request.node, resolved[name], request.input_bits, request.samples, request.count if limited else 0)
        merged.setdefault(key, []).append(name)
    first = [instance.requests[members[0]] for members in merged.values()]
    requests = instance.requests
    if limited:
        count = [request.count for request in first]
        units = [len(members) for members in merged.values()]
    else:
        count = [sum(requests[name].count for name in members) for members in merged.values()]
        units = [1] * len(merged)
    return RequestGroups(
        list(merged.values()),
        [sets[resolved[members[0]]] for members in merged.values()],
        np.array([network.routes.nodes[request.node] for request in first], np.int64),
        np.array([request.input_bits for request in first]),
        np.array([request.samples for request in first], np.int64),
        np.array(count, np.int64),
        np.array(units, np.int64),
    )


def _work_of_samples(groups: RequestGroups, work: list[int]) -> Work:
    """Return the work per sample, in Python's integers where that of all requests together could overflow 64 bits."""
    factors = zip(groups.samples.tolist(), groups.count.tolist(), groups.units.tolist(), strict=True)
    total = sum(samples * count * units for samples, count, units in factors) * max(work, default=0)
    return np.array(work, np.int64) if total <= LARGEST_WORK else np.array(work, np.object_)


def _work_at_sites(
    units: Ints, option_group: Ints, option_site: Ints, work: Work, limits: list[int | None]
) -> tuple[Ints, Ints, Ints]:
    """Return the work of the options rounded down and up, and the limits, in units of each site that 64 bits hold.

    A unit is the greatest common divisor of the works at the site, so that nothing is rounded, unless what could come
    together there still overflows.
    """
    limit = np.array(
        [UNLIMITED if limit_here is None else min(limit_here, LARGEST_WORK) for limit_here in limits], np.int64
    )
    if work.dtype == np.int64:
        exact = work.astype(np.int64)
        return exact, exact, limit
    least, most = np.zeros((2, len(work)), np.int64)
    for site, limit_here in enumerate(limits):
        here = np.flatnonzero(option_site == site)
        exact_work = [int(value) for value in work[here]]
        if limit_here is None:
            continue
        unit = gcd(*exact_work) or 1
        total = sum(int(units[group]) * value for group, value in zip(option_group[here], exact_work, strict=True))
        if total <= limit_here:
            limit[site] = UNLIMITED
            continue
        unit <<= max(0, (total // unit // LARGEST_WORK).bit_length())
        least[here] = [value // unit for value in exact_work]
        most[here] = [-(-value // unit) for value in exact_work]
        limit[site] = limit_here // unit
    return least, most, limit


def _cloud(groups: RequestGroups, network: Network) -> tuple[Ints, Floats]:
    """Return the cheapest model of each group in the cloud, and its seconds per unit."""
    routes, speed = network.routes, network.instance.cloud.speed_flops_per_s
    model = np.array([models[np.argmin(network.flops[models])] if len(models) else -1 for models in groups.models])
    model = model.astype(np.int64)
    sending = routes.latency_s[groups.node, -1] + groups.input_bits * np.where(
        np.isfinite(routes.s_per_bit[groups.node, -1]), routes.s_per_bit[groups.node, -1], 0.0
    )
    flops = np.append(network.flops, 0.0)[model]
    cost = groups.count * (sending + groups.samples * flops / speed)
    return model, np.where(model < 0, np.inf, cost)


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
    network: Network,
    cloud_cost: Floats,
    work: Work,
    limits: list[int | None],
    nearest: _Nearest,
) -> tuple[Core, Ints]:
    """Make the core, and the work of its options rounded down."""
    by_set: dict[int, list[int]] = {}
    for group, models in enumerate(groups.models):
        by_set.setdefault(id(models), []).append(group)
    sending_latency = network.routes.latency_s
    sending_rate = np.where(np.isfinite(network.routes.s_per_bit), network.routes.s_per_bit, 0.0)
    alike: dict[tuple[int, bytes], Flags] = {}
    for members in by_set.values():
        rows, models = np.array(members), groups.models[members[0]]
        node, samples, count = groups.node[rows], groups.samples[rows], groups.count[rows]
        for site in range(len(network.memory)):
            costly = (network.atom_bytes[site] > 0) | (network.atom_pull[site] > 0)
            key = (id(models), costly.tobytes())
            if key not in alike:
                alike[key] = network.undominated(models, site)
            chosen = models[network.fits[site, models] & alike[key]]
            sending = sending_latency[node, site] + groups.input_bits[rows] * sending_rate[node, site]
            computing = samples[:, None] * network.flops[chosen] / network.speed[site]
            cost = count[:, None] * (sending[:, None] + computing)
            need = (samples.astype(work.dtype) * count)[:, None] * work[chosen]
            limit = limits[site]
            possible = cost < cloud_cost[rows][:, None]
            if limit is not None:
                possible &= (need <= limit).astype(np.bool_)
            kept, which = np.nonzero(possible)
            nearest.add((rows[kept], chosen[which], np.full(len(kept), site), cost[kept, which], need[kept, which]))
    option_group, option_model, option_site, option_cost, exact_work = nearest.sorted()
    least_work, option_work, work_limit = _work_at_sites(groups.units, option_group, option_site, exact_work, limits)
    incidence = network.incidence
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
        network.atom_bytes,
        np.where(np.isfinite(network.atom_pull), network.atom_pull, 0.0),
        incidence.indptr.astype(np.int64),
        incidence.indices.astype(np.int64),
    )
    return core, least_work

"""The numbers of a pulling instance after all exact reductions; every method works on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNLIMITED = np.int64(2**62)
MARGIN = 1e-9  # relative; rounding in totals
SPARSE = 32  # times as many possible keys as keys: from there on sorting is faster than a table


def ranked(keys: Ints) -> tuple[Ints, Ints]:
    """Return the different keys in order, and the position of each key among them.

    As `numpy.unique`, and faster where the keys, which are not negative, are small for their number.
    """
    width = int(keys.max(initial=-1)) + 1
    if width > SPARSE * len(keys):
        return np.unique(keys, return_inverse=True)
    present = np.zeros(width, np.bool_)
    present[keys] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[keys]


@dataclass(frozen=True)
class Core:
    """Groups of equal requests, the options that may serve them, and what the options need at their sites.

    An option is a model at a cloudlet for a group. The cloud is no option: a group costs `cloud_cost` there, and every
    option is cheaper than that. Options are sorted by group, and by cost within a group.

    Attributes
    ----------
    units : numpy.ndarray of int64, shape (groups,)
        How many units of each group are to be served; each unit takes one option or the cloud.
    cloud_cost : numpy.ndarray, shape (groups,)
        Seconds per unit in the cloud; infinite where the cloud cannot serve the group.
    option_group, option_model, option_site : numpy.ndarray of int64, shape (options,)
    option_cost : numpy.ndarray, shape (options,)
        Seconds per unit.
    option_work : numpy.ndarray of int64, shape (options,)
        Operations per unit, in the units of `work_limit`.
    memory : numpy.ndarray of int64, shape (sites,)
        Bytes beside the resident blocks.
    work_limit : numpy.ndarray of int64, shape (sites,)
        `UNLIMITED` where no limit can bind.
    atom_bytes : numpy.ndarray of int64, shape (sites, atoms)
        Bytes of each atom that are not resident at the site.
    atom_pull : numpy.ndarray, shape (sites, atoms)
        Seconds to pull them.
    model_start, model_atoms : numpy.ndarray of int64
        Atoms of model i: ``model_atoms[model_start[i]:model_start[i + 1]]``.
    """

    units: Ints
    cloud_cost: Floats
    option_group: Ints
    option_model: Ints
    option_site: Ints
    option_cost: Floats
    option_work: Ints
    memory: Ints
    work_limit: Ints
    atom_bytes: Ints
    atom_pull: Floats
    model_start: Ints
    model_atoms: Ints

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.units)

    @property
    def sites(self) -> int:
        """Number of cloudlets."""
        return len(self.memory)

    @property
    def models(self) -> int:
        """Number of models."""
        return len(self.model_start) - 1

    @property
    def options(self) -> int:
        """Number of options."""
        return len(self.option_cost)

    @cached_property
    def group_start(self) -> Ints:
        """Options of group g: ``range(group_start[g], group_start[g + 1])``."""
        return np.searchsorted(self.option_group, np.arange(self.groups + 1))

    @cached_property
    def used_sites(self) -> Ints:
        """Sites with an option."""
        return np.flatnonzero(np.bincount(self.option_site, minlength=self.sites))

    @cached_property
    def limited(self) -> Flags:
        """Whether compute can run out, shape (sites,)."""
        return self.work_limit < UNLIMITED

    @cached_property
    def costly(self) -> Flags:
        """Whether an atom takes memory or time at a site, shape (sites, atoms); the others are free."""
        return (self.atom_bytes > 0) | (self.atom_pull > 0)

    @property
    def decoupled(self) -> bool:
        """Whether no option needs a costly atom or limited operations, so that each group may take any."""
        return not len(self.atoms_of_options[0]) and not self.limited.any()

    @cached_property
    def atoms_of_options(self) -> tuple[Ints, Ints]:
        """Pairs (option, atom) for every costly atom that an option needs, sorted by option."""
        counts = np.diff(self.model_start)[self.option_model]
        options = np.repeat(np.arange(self.options), counts)
        first = np.repeat(self.model_start[self.option_model] - np.cumsum(counts) + counts, counts)
        atoms = self.model_atoms[first + np.arange(len(options))]
        kept = self.costly[self.option_site[options], atoms]
        return options[kept], atoms[kept]

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """Options by (site, model): start of each pair's run, shape (sites * models + 1,), and the options in it."""
        key = self.option_site * self.models + self.option_model
        order = np.argsort(key, kind="stable")
        return np.searchsorted(key[order], np.arange(self.sites * self.models + 1)), order

    @property
    def cloud_total(self) -> float:
        """Seconds when all groups that the cloud can serve are served there."""
        reachable = np.isfinite(self.cloud_cost)
        return float(self.units[reachable] @ self.cloud_cost[reachable])

    def opened(self, amounts: Ints) -> Flags:
        """Return the costly atoms that the used options need, shape (sites, atoms)."""
        options, atoms = self.atoms_of_options
        used = amounts[options] > 0
        opened = np.zeros(self.atom_bytes.shape, np.bool_)
        opened[self.option_site[options[used]], atoms[used]] = True
        return opened

    def available(self, opened: Flags) -> Flags:
        """Say whether all atoms of an option are open or free, shape (options,)."""
        options, atoms = self.atoms_of_options
        missing = ~opened[self.option_site[options], atoms]
        available = np.ones(self.options, np.bool_)
        available[options[missing]] = False
        return available

    def in_cloud(self, amounts: Ints) -> Ints:
        """Return the units of each group that no option serves."""
        return self.units - np.bincount(self.option_group, amounts, minlength=self.groups).astype(np.int64)

    def cost(self, amounts: Ints) -> float:
        """Return the total delay in seconds; infinite when a group is left to the cloud that cannot serve it."""
        rest = self.in_cloud(amounts)
        cloud = float((rest[rest > 0] * self.cloud_cost[rest > 0]).sum())
        return cloud + float(amounts @ self.option_cost) + float(self.atom_pull[self.opened(amounts)].sum())

    def overfull(self, opened: Flags) -> Ints:
        """Return the bytes over the memory of each site, in integers; positive where it is exceeded."""
        return np.where(opened, self.atom_bytes, 0).sum(axis=1) - self.memory

    def overworked(self, amounts: Ints) -> Ints:
        """Return the work over the limit of each site; positive where it is exceeded."""
        used = np.zeros(self.sites, np.int64)
        np.add.at(used, self.option_site, amounts * self.option_work)
        return np.where(self.limited, used - self.work_limit, -1)

    def feasible(self, amounts: Ints) -> bool:
        """Say whether nothing is exceeded and every group is served."""
        return bool(
            (self.overfull(self.opened(amounts)) <= 0).all()
            and (self.overworked(amounts) <= 0).all()
            and np.isfinite(self.cost(amounts))
            and (self.in_cloud(amounts) >= 0).all()
        )

    def restricted(self, keep: Flags) -> Core:
        """Return the same core with some of the options only."""
        return self.replaced(
            option_group=self.option_group[keep],
            option_model=self.option_model[keep],
            option_site=self.option_site[keep],
            option_cost=self.option_cost[keep],
            option_work=self.option_work[keep],
        )

    def up_to(self, total: float) -> Core:
        """Return a core with the same solutions of at most this total, in which nothing costs much more than it.

        Costs are measured from the cloud's, and summed: of one that is far away, nothing else would be left after
        rounding. The cloud is closed to groups that take longer there; dearer options and atoms cost twice the total.
        """
        dear = 2 * total if total > 0 else np.inf
        return self.replaced(
            cloud_cost=np.where(self.cloud_cost > total * (1 + MARGIN), np.inf, self.cloud_cost),
            option_cost=np.minimum(self.option_cost, dear),
            atom_pull=np.minimum(self.atom_pull, dear),
        )

    def replaced(self, **fields: Any) -> Core:
        """Return a copy with other arrays in some fields."""
        return replace(self, **fields)

"""`lagrangian`: the linking rows and compute limits relaxed; a bound at scale, and a solution from its openings."""

from __future__ import annotations

import numpy as np

from edgeopt.method import Options
from edgeopt.pulling import dual_kernels
from edgeopt.pulling.core import Core, Flags

STEPS = 50  # between two looks at the clock
PATIENCE = 15
LEAST_THETA = 5e-3
MARGIN = 1e-9  # relative; rounding in sums of floats


def dual_tables(core: Core) -> dual_kernels.DualTables:
    """Lay a core out for the dual kernels."""
    options, atoms = core.atoms_of_options
    sites, width = core.option_site[options], max(1, core.atom_bytes.shape[1])
    openings, of_pair = np.unique(sites * width + atoms, return_inverse=True)
    row_key, rows = np.unique(core.option_group[options] * len(openings) + of_pair, return_inverse=True)
    row_group, row_opening = np.divmod(row_key, max(1, len(openings)))
    site, atom = np.divmod(openings, width)
    finite = np.isfinite(core.cloud_cost)
    dearest = core.option_cost.max(initial=1.0) + core.atom_pull.sum(axis=1).max(initial=0.0)
    return dual_kernels.DualTables(
        units=core.units,
        cloud=np.where(finite, core.cloud_cost, 1e3 * dearest),
        group_start=core.group_start,
        site=core.option_site,
        cost=core.option_cost,
        work=core.option_work,
        limited=core.limited,
        work_limit=core.work_limit,
        row_start=np.searchsorted(options, np.arange(core.options + 1)),
        rows=rows.astype(np.int64),
        row_group=row_group,
        row_opening=row_opening,
        opening_start=np.searchsorted(site, np.arange(core.sites + 1)),
        pull=core.atom_pull[site, atom],
        size=core.atom_bytes[site, atom],
        memory=core.memory,
    )


class Relaxation:
    """The Lagrangian relaxation of a core.

    Attributes
    ----------
    bound : float
        Best value so far: a lower bound on the total delay in seconds.
    average : numpy.ndarray, shape (openings,)
        How often the relaxation opened each atom lately, about 0 to 1.
    """

    def __init__(self, core: Core) -> None:
        self.core, self.tables = core, dual_tables(core)
        rows = len(self.tables.row_group)
        self.price, self.best_price = np.zeros(rows), np.zeros(rows)
        self.work_price, self.best_work_price = np.zeros(core.sites), np.zeros(core.sites)
        self.average = np.zeros(len(self.tables.pull))
        self._value, self._theta = -np.inf, 1.0

    @property
    def bound(self) -> float:
        """The proven bound, with a margin for rounding."""
        return self._value - MARGIN * abs(self._value)

    def climb(self, options: Options, target: float, steps: int) -> None:
        """Improve the prices by at most so many steps towards a known total."""
        done = 0
        while done < steps and options.stop_reason() is None and self._theta > LEAST_THETA:
            if self.bound >= target * (1 - 1e-9):
                break
            count = min(STEPS, steps - done)
            self._value, self._theta = dual_kernels.ascend(
                self.tables, self.price, self.work_price, target, self._theta, count, PATIENCE, self.best_price,
                self.best_work_price, self._value, self.average,
            )  # fmt: skip
            done += count

    def useful(self, limit: float) -> Flags:
        """Options that a solution of at most this total may use, shape (options,)."""
        d = self.tables
        reduced, least = np.empty(self.core.options), np.empty(self.core.groups)
        opening_cost, opening = np.empty(len(d.pull)), np.empty(len(d.pull))
        memory_price, slope = np.empty(self.core.sites), np.empty(len(self.price))
        work_slope, keep = np.empty(self.core.sites), np.ones(self.core.options, np.bool_)
        value = dual_kernels.evaluate(
            d, self.best_price, self.best_work_price, reduced, least, opening_cost, memory_price, opening, slope,
            work_slope,
        )  # fmt: skip
        margin = MARGIN * (abs(limit) + abs(value))
        dual_kernels.useful_options(d, value, limit + margin, reduced, least, opening_cost, memory_price, keep)
        return keep

    def likely(self, threshold: float) -> Flags:
        """Atoms that the relaxation opened at least this often lately, shape (sites, atoms)."""
        d = self.tables
        sites = np.repeat(np.arange(self.core.sites), np.diff(d.opening_start))
        _, atoms = self.core.atoms_of_options
        atom = np.empty(len(d.pull), np.int64)
        atom[d.row_opening[d.rows]] = atoms
        found = np.zeros(self.core.atom_bytes.shape, np.bool_)
        chosen = self.average >= threshold
        found[sites[chosen], atom[chosen]] = True
        return found

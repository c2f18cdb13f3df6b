"""Openings: the atoms that are open at the sites, how they serve the groups, and what that costs."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling import kernels
from edgeopt.pulling.core import Core, Flags, Floats, Ints
from edgeopt.run import Run

EVALUATIONS = 2_000  # bundles between two looks at the clock
ROUNDING = 1e-6  # units; what a solver calls whole
PENALTY = 1e3  # times the dearest service: what a unit costs that nothing serves


def core_arrays(core: Core) -> kernels.CoreArrays:
    """Lay a core out for the kernels."""
    run_start, runs = core.pairs
    finite = np.isfinite(core.cloud_cost)
    dearest = max(core.cloud_cost[finite].max(initial=0.0), core.option_cost.max(initial=0.0), 1.0)
    pulling = float(core.atom_pull.sum(axis=1).max(initial=0.0))
    cloud = np.where(finite, core.cloud_cost, PENALTY * dearest + pulling)
    share = core.option_work / np.maximum(core.work_limit[core.option_site], 1)
    saving = cloud[core.option_group] - core.option_cost
    holders = _holders(core)
    starts = np.cumsum([0, *(len(models) for models in holders)])
    return kernels.CoreArrays(
        units=core.units,
        cloud=cloud,
        group_start=core.group_start,
        group=core.option_group,
        model=core.option_model,
        site=core.option_site,
        cost=core.option_cost,
        work=core.option_work,
        memory=core.memory,
        work_limit=core.work_limit,
        size=core.atom_bytes,
        pull=core.atom_pull,
        costly=core.costly,
        model_start=core.model_start,
        model_atoms=core.model_atoms,
        run_start=run_start,
        runs=runs,
        order=np.argsort(-saving / np.maximum(share, 1e-9), kind="stable"),
        limited=bool(core.limited.any()),
        bundle_start=starts.astype(np.int64),
        bundle_models=np.concatenate([np.empty(0, np.int64), *holders]),
    )


def _holders(core: Core) -> list[Ints]:
    """Return the models that hold each shared atom, and each model alone."""
    used = np.unique(core.option_model)
    alone = [np.array([model]) for model in used.tolist()]
    models = np.repeat(np.arange(core.models), np.diff(core.model_start))
    order = np.argsort(core.model_atoms, kind="stable")
    shared = np.split(models[order], np.flatnonzero(np.diff(core.model_atoms[order])) + 1) if len(models) else []
    useful = set(used.tolist())
    kept = [np.array([model for model in group.tolist() if model in useful], np.int64) for group in shared]
    return [group for group in kept if len(group) > 1] + alone


class Openings:
    """Open atoms at the sites of a core, served as well as the kernels can.

    Parameters
    ----------
    core : Core

    Attributes
    ----------
    total : float
        Seconds of service and pulling; a unit that nothing serves counts a large penalty.
    """

    def __init__(self, core: Core) -> None:
        self.core, self.arrays = core, core_arrays(core)
        groups, atoms = core.groups, core.atom_bytes.shape[1]
        self.state = kernels.State(
            opened=np.zeros(core.atom_bytes.shape, np.bool_),
            missing=np.zeros((core.sites, core.models), np.int64),
            free=core.memory.copy(),
            amounts=np.zeros(core.options, np.int64),
            worst=np.zeros(groups),
            movable=np.zeros(groups, np.int64),
            room=core.work_limit.copy(),
            trial_worst=np.full(groups, np.inf),
            trial_open=np.zeros(atoms, np.bool_),
            chosen=np.zeros(core.models, np.int64),
            left=np.zeros(groups, np.int64),
            losses=np.zeros(core.models),
            sequence=np.zeros(core.models, np.int64),
            other_sequence=np.zeros(core.models, np.int64),
            needed=np.zeros(core.atom_bytes.shape, np.bool_),
            old_worst=np.zeros(groups),
            old_movable=np.zeros(groups, np.int64),
            old_room=np.zeros(core.sites, np.int64),
            touched=np.zeros(core.sites, np.bool_),
            largest=np.zeros(core.sites),
        )
        self.total = 0.0
        self._changed = np.arange(core.sites)
        self.settle()

    @property
    def opened(self) -> Flags:
        """Atoms that are open, shape (sites, atoms); a copy."""
        return self.state.opened.copy()

    def restore(self, opened: Flags) -> None:
        """Open exactly these atoms, and serve."""
        self._open(opened)
        self.settle()

    def _open(self, opened: Flags) -> None:
        self._note(np.flatnonzero((self.state.opened != opened).any(axis=1)))
        self.state.opened[:] = opened

    def _note(self, sites: Ints) -> None:
        """Note that atoms were opened or closed at these sites."""
        self._changed = np.union1d(self._changed, sites)

    def _noted(self) -> Ints:
        """Return the sites to be recounted, once."""
        changed, self._changed = self._changed, self._changed[:0]
        return changed

    def settle(self, anew: bool = True) -> float:
        """Serve with what is open, and close what nobody needs; not anew, the amounts stand."""
        self.total = kernels.settle(self.arrays, self.state, self._noted(), anew)
        return self.total

    def complete(self, opened: Flags, units: Floats) -> Ints | None:
        """Make fractional units of the options whole: round them down, and serve the rest with what is open.

        Returns the units, None when some group is not served. Where the fractions exceed a limit by the tolerance of
        a solver, every option of the site loses up to one unit more.
        """
        core = self.core
        units = np.where(core.available(opened), units, 0.0)
        down = np.floor(units + ROUNDING).astype(np.int64)
        beyond = (core.overworked(down) > 0)[core.option_site]
        down[beyond] = np.maximum(0, np.ceil(units[beyond] - ROUNDING) - 1)
        self._open(opened)
        self.state.amounts[:] = down
        self.settle(anew=False)
        return self.amounts()

    def insert(self, run: Run, sites: Ints, alpha: float, noise: Floats | None = None) -> float:
        """Open bundles at these sites until none gains, or the time is over."""
        bundles = len(self.arrays.bundle_start) - 1
        factors = np.ones((len(sites), bundles)) if noise is None else noise
        if bundles and len(sites):
            scores, fresh = np.full(factors.shape, np.inf), np.zeros(factors.shape, np.bool_)
            left = 0
            while left == 0 and run.stop_reason() is None:
                left = kernels.insert(
                    self.arrays, self.state, self._noted(), sites, alpha, factors, scores, fresh, EVALUATIONS
                )
        return self.settle()

    def close(self, site: int, models: Ints | None = None) -> None:
        """Close a site, or the atoms there that only these models need."""
        if models is None:
            self.state.opened[site] = False
        else:
            used = np.unique(self.core.option_model[(self.state.amounts > 0) & (self.core.option_site == site)])
            start, atoms = self.core.model_start, self.core.model_atoms
            needed = np.zeros(self.state.opened.shape[1], np.bool_)
            for model in np.setdiff1d(used, models).tolist():
                needed[atoms[start[model] : start[model + 1]]] = True
            self.state.opened[site] &= needed
        self._note(np.array([site]))

    def amounts(self) -> Ints | None:
        """Return the units of each option; None when some group is not served."""
        amounts = self.state.amounts.copy()
        return amounts if self.core.feasible(amounts) else None

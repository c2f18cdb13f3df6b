"""Plans from the linear relaxation: openings fixed one after another, then those of a few sites freed again.

With compute limits, who is served where depends on all sites at once. Here the units stay fractional, so that a program
with few open questions about openings decides them for all sites together; `Openings.complete` makes them whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeopt.engines.highs import HighsSolver
from edgeopt.pulling.core import Core, Flags, Floats
from edgeopt.pulling.strong_form import StrongProgram
from edgeopt.run import Run

SHARE = 10  # of the fractional openings, one in so many is fixed before the program is solved again
FREED_SITES = 7  # at most; no more than a quarter of all
FREED_NODES = 20
FREED_GAP = 1e-4
IDLE_ROUNDS = 6
TOLERANCE = 1e-6


class Diving:
    """A search over the openings of a core, its units fractional.

    Parameters
    ----------
    core : Core
    keep : numpy.ndarray of bool, shape (options,)
        The options to search among: few, those that the linear relaxation likes.
    run : Run
    """

    def __init__(self, core: Core, keep: Flags, run: Run) -> None:
        self._run, self.behind, self.whole = run, np.flatnonzero(keep), core
        self.core = core.restricted(keep)
        self.program = StrongProgram(self.core)
        self.solver = HighsSolver(self.program.program(whole_units=False), run, {"mip_detect_symmetry": False})
        self.openings = np.arange(self.core.options, self.program.columns)

    def run(self, rounds: int) -> Iterator[tuple[Flags, Floats]]:
        """Yield better and better openings of the whole core, shape (sites, atoms), and units of its options."""
        values = self._dive()
        if values is None:
            return
        yield self._whole(values)
        rng, idle = np.random.default_rng(self._run.options.seed), 0
        best = self.solver.program.objective(values)
        for _ in range(rounds):
            if self._run.stop_reason() is not None or idle == IDLE_ROUNDS:
                return
            freed = self._freed(values, rng)
            total = np.inf if freed is None else self.solver.program.objective(freed)
            idle += 1
            if freed is not None and total < best - FREED_GAP * abs(best):
                values, best, idle = freed, total, 0
                yield self._whole(values)

    def _dive(self) -> Floats | None:
        """Open atoms of the greatest fractional values, as they fit, and solve again until none is fractional.

        What leaves no solution is taken back: half of it is opened, and what cannot be opened alone is closed.
        """
        lower, upper = np.zeros(len(self.openings)), np.ones(len(self.openings))
        batch: list[int] = []
        while self._run.stop_reason() is None:
            self.solver.change_bounds(self.openings, lower, upper)
            values = self.solver.solve(relaxed=True).values
            if values is None:
                if not batch:
                    return None
                lower[batch] = 0
                if len(batch) == 1:
                    upper[batch] = 0
                batch = batch[: len(batch) // 2]
            else:
                value = values[self.openings]
                fractional = np.flatnonzero((value > TOLERANCE) & (value < 1 - TOLERANCE) & (lower < upper))
                if not len(fractional):
                    return values
                order = fractional[np.argsort(-value[fractional], kind="stable")]
                batch = []
                for opening in order[: -(-len(order) // SHARE)].tolist():
                    if self._fits(opening, lower > 0):
                        batch.append(opening)
                        lower[opening] = 1
                    else:
                        upper[opening] = 0
            lower[batch] = 1
        return None

    def _fits(self, opening: int, opened: Flags) -> bool:
        """Say whether an atom fits beside those that are open at its site."""
        site, atom = self.program.opening_site, self.program.opening_atom
        here = opened & (site == site[opening])
        needed = self.core.atom_bytes[site[opening], np.append(atom[here], atom[opening])].sum()
        return bool(needed <= self.core.memory[site[opening]])

    def _freed(self, values: Floats, rng: np.random.Generator) -> Floats | None:
        """Free the openings of a few sites, the others fixed, and all units."""
        count = min(FREED_SITES, -(-self.core.sites // 4))
        sites = rng.choice(self.core.sites, count, replace=False)
        free = np.isin(self.program.opening_site, sites)
        start = values.copy()
        start[self.openings] = opened = np.rint(values[self.openings])
        self.solver.change_bounds(self.openings, np.where(free, 0, opened), np.where(free, 1, opened))
        return self.solver.solve(gap=FREED_GAP, node_limit=FREED_NODES, start=start).values

    def _whole(self, values: Floats) -> tuple[Flags, Floats]:
        units = np.zeros(self.whole.options)
        units[self.behind] = values[: self.core.options]
        return self.program.opened(values), units

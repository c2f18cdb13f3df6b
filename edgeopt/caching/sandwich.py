"""Rates between two tables: bounds that no beams exceed, and what known beams reach, made better pair by pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.beamforming.certified import certified
from edgeopt.caching.bounds import amplitude_bounds, with_amplitudes
from edgeopt.caching.delays import waits_per_bit
from edgeopt.caching.rates import lower_subsets
from edgeopt.caching.tables import DelayTables
from edgeopt.run import Run

Integers = NDArray[np.int64]

PAIRS = 10  # most pairs between two looks at the clock
COUNTS = 1e-10  # relative gain of a delay below which a pair is not worth a certificate


class Sandwich:
    """Bounds on all rates, and what beams reach, both made better pair by pair.

    Parameters
    ----------
    tables : DelayTables
        With the rates of a beamformer, for all sets of nodes.
    run : Run

    Attributes
    ----------
    reached, upper : DelayTables
        With the rates of beams, and with rates that no beams exceed.
    refined : set of (int, int)
        Audiences and sets of nodes whose bounds are semidefinite.
    """

    def __init__(self, tables: DelayTables, run: Run) -> None:
        self.run = run
        self.reached = tables
        self.upper = with_amplitudes(tables, amplitude_bounds(tables))
        self.refined: set[tuple[int, int]] = set()

    def open_pairs(self, masks: Integers, groups: Integers) -> list[tuple[int, int]]:
        """Return the audiences and sets that look faster than what is reached, for groups cached at these sets."""
        reached, upper = self.reached.slowness, self.upper.slowness
        pairs: dict[tuple[int, int], None] = {}
        for mask, group in sorted(set(zip(masks.tolist(), groups.tolist(), strict=True))):
            waits = waits_per_bit(np.array([mask]), self.reached.cloud, self.reached.link)[0]
            levels = np.unique(waits[np.isfinite(waits)])
            sets = [int(((waits <= level) << np.arange(len(waits))).sum()) for level in levels]
            for audience in set(self.reached.requests.audience_of[group].values()):
                least = (levels + reached[audience, sets]).min(initial=np.inf)
                promised = levels + upper[audience, sets]
                for column in np.flatnonzero(promised < least * (1 - COUNTS)):
                    if (audience, sets[column]) not in self.refined:
                        pairs[audience, sets[column]] = None
        return list(pairs)

    def refine(self, pairs: list[tuple[int, int]]) -> None:
        """Give pairs semidefinite bounds and better beams, as far as time allows."""
        for first in range(0, len(pairs), PAIRS):
            if self.run.stop_reason() is not None:
                return
            self._refine(pairs[first : first + PAIRS])

    def _refine(self, pairs: list[tuple[int, int]]) -> None:
        self.refined.update(pairs)
        which, sets = np.array(pairs, np.int64).T
        tightened = self.reached.rates.pairs(which, sets)
        solved, beams = certified(self.reached.channels, tightened, self.reached.beamformer)
        amplitudes = np.array([relaxation.bound for relaxation in solved])
        bounds = self.upper.rates.amplitudes.copy()
        bounds[which, sets] = np.minimum(bounds[which, sets], amplitudes)
        lower_subsets(bounds)
        self.upper = with_amplitudes(self.reached, bounds)
        self.reached = self.reached.with_rates(self.reached.rates.raised(which, sets, beams.amplitudes))

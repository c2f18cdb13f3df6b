"""Threshold rounding without chance: the method of conditional expectations, site after site."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling import kernels, rounding_kernels
from edgeopt.pulling.core import Core, Flags, Floats
from edgeopt.pulling.repair import repaired

LEAST = 1e-6  # smaller values of the relaxation count as zero


def conditional_thresholds(core: Core, arrays: kernels.CoreArrays, openings: Floats) -> Flags:
    """Fix one site's threshold after another where the expected delay, given those fixed before, is least.

    While every site draws its threshold evenly and on its own, the expectation is known in closed form. It is the mean
    over the thresholds of the site at hand, so the best of them is no worse: where memory and compute do not bind, the
    delay in the end is at most the expected delay of threshold rounding.

    Parameters
    ----------
    core : Core
    arrays : CoreArrays
        The arrays of the same core; ``cloud`` is finite.
    openings : numpy.ndarray, shape (sites, atoms)
        Values between 0 and 1.
    """
    chance = option_chances(core, openings)
    options = np.flatnonzero(chance > LEAST)
    group_start = np.searchsorted(core.option_group[options], np.arange(core.groups + 1))
    opened = np.zeros(openings.shape, np.bool_)
    chances = rounding_kernels.Chances(
        group_start, options, core.option_site, core.option_cost, chance, core.units, arrays.cloud
    )
    at_site = np.zeros(core.sites)
    for site in np.unique(core.option_site[options]).tolist():
        here = options[core.option_site[options] == site]
        groups = np.unique(core.option_group[here])
        best, best_row, best_chance = np.inf, opened[site], chance
        for row in _openings_of(core, site, openings):
            trial = opened.copy()
            trial[site] = row
            fixed = np.zeros(core.options)
            fixed[here] = core.available(trial)[here]
            service = rounding_kernels.expected_service(chances, groups, site, fixed, at_site)
            value = service + float(core.atom_pull[site, row].sum())
            if value < best:
                best, best_row, best_chance = value, row, fixed
        opened[site] = best_row
        chance[here] = best_chance[here]
    return opened


def option_chances(core: Core, openings: Floats) -> Floats:
    """Return the probability that a threshold opens all that an option needs, shape (options,)."""
    options, atoms = core.atoms_of_options
    chances = np.ones(core.options)
    np.minimum.at(chances, options, openings[core.option_site[options], atoms])
    return chances


def _openings_of(core: Core, site: int, openings: Floats) -> list[Flags]:
    """Return what the thresholds of a site open, each set once, closed to what fits; nothing is the last."""
    values = np.where(core.costly[site], openings[site], 0.0)
    thresholds = np.unique(values[values > LEAST])[::-1]
    rows = {}
    for theta in thresholds.tolist():
        above = np.zeros(openings.shape, np.bool_)
        above[site] = values >= theta
        row = repaired(core, above, openings)[site]
        rows[row.tobytes()] = row
    nothing = np.zeros(openings.shape[1], np.bool_)
    return [*rows.values(), nothing]

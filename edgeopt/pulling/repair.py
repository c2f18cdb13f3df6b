"""Openings that fit: whole atoms are closed where the memory does not hold what a rounding opens."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.core import Core, Flags, Floats


def fitting(core: Core, openings: Floats, threshold: float) -> Flags:
    """Open the atoms of at least this value; where they do not fit, close those of least value per byte, whole.

    Parameters
    ----------
    core : Core
    openings : numpy.ndarray, shape (sites, atoms)
        Values between 0 and 1.
    threshold : float
    """
    return repaired(core, core.costly & (openings >= threshold), openings)


def repaired(core: Core, opened: Flags, openings: Floats) -> Flags:
    """Close whole atoms of least value per byte at the sites where the open ones do not fit."""
    opened = opened.copy()
    excesses = core.overfull(opened)
    for site in np.flatnonzero(excesses > 0).tolist():
        atoms = np.flatnonzero(opened[site] & (core.atom_bytes[site] > 0))
        value = openings[site, atoms] / core.atom_bytes[site, atoms]
        excess = int(excesses[site])
        for atom in atoms[np.argsort(value, kind="stable")].tolist():
            if excess <= 0:
                break
            opened[site, atom] = False
            excess -= int(core.atom_bytes[site, atom])
    return opened

"""Cone programs on Clarabel, of the extra `radio`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy import sparse

from edgeopt.caching.beamforming.channels import Floats
from edgeopt.errors import MissingExtra
from edgeopt.versions import install_command


def is_installed() -> bool:
    """Say whether the solver is there."""
    return find_spec("clarabel") is not None


def clarabel() -> Any:
    """Return the solver's module.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        import clarabel
    except ImportError:
        raise MissingExtra(f"cone programs need an extra: {install_command('radio')}") from None
    return clarabel


def minimise(cost: Floats, rows: sparse.csc_matrix, right: Floats, cones: list[Any]) -> tuple[Floats, Floats]:
    """Minimise ``cost @ x`` with ``right - rows @ x`` in the product of the cones; return x and the dual values."""
    module = clarabel()
    settings = module.DefaultSettings()
    settings.verbose = False
    quadratic = sparse.csc_matrix((len(cost), len(cost)))
    solution = module.DefaultSolver(quadratic, cost, rows, right, cones, settings).solve()
    return np.array(solution.x), np.array(solution.z)

"""The linear relaxation of the strong form, and what it proves about single variables."""

from __future__ import annotations

from math import fsum

import numpy as np

from edgeopt.engines.highs import HighsSolver
from edgeopt.pulling.core import Core, Flags, Floats
from edgeopt.pulling.sifting import Sifting
from edgeopt.pulling.strong_form import Linking, StrongProgram
from edgeopt.run import Run
from edgeopt.solution import Status

MARGIN = 1e-7  # relative; the precision of the solver
ROUNDING = 2.0**-50  # of the program's numbers: costs are differences to the cloud's, sizes are shares of the limits
SIFTED_FROM = 10_000  # options
SETTINGS = {"presolve": "off"}  # what HiGHS could remove is reduced already; its look takes a quarter of the time


class LinearRelaxation:
    """The strong form without integrality, solved.

    Parameters
    ----------
    core : Core
    run : Run
    linking : str
        Form of the linking rows.
    opened : numpy.ndarray of bool, shape (sites, atoms), optional
        The openings of a good solution, near which the relaxation is looked for first where options are many.

    Attributes
    ----------
    infeasible : bool
        The relaxation has no solution.
    bound : float or None
        What its multipliers prove, in seconds, less what rounding may have added; None when the run was cut short.
    values : numpy.ndarray or None
        The solution, options first.
    """

    def __init__(self, core: Core, run: Run, linking: Linking = "strong", opened: Flags | None = None) -> None:
        self.core, self.strong = core, StrongProgram(core, linking)
        self.infeasible, self.bound = False, None
        self.values: Floats | None = None
        self.reduced_costs: Floats | None = None
        program = self.strong.program()
        result = Sifting(core, program, run, SETTINGS, opened).solve() if core.options >= SIFTED_FROM else None
        if result is None:
            result = HighsSolver(program, run, SETTINGS).solve(relaxed=True)
        self.infeasible = result.status == Status.INFEASIBLE
        if result.values is None or result.objective is None:
            return
        self.values, self.reduced_costs = result.values, result.reduced_costs
        duals = np.zeros(len(program.row_lower)) if result.row_duals is None else result.row_duals
        bound = program.proven_bound(duals)
        if bound is not None:
            self.bound = max(0.0, bound - ROUNDING * (core.cloud_total + fsum(np.abs(duals))))

    def openings(self) -> Floats:
        """Return the value of each z, shape (sites, atoms); 1 for free atoms, 0 for those that no option needs."""
        assert self.values is not None
        openings = np.where(self.core.costly, 0.0, 1.0)
        openings[self.strong.opening_site, self.strong.opening_atom] = self.values[self.core.options :]
        return openings

    def decided(self, limit: float) -> tuple[Flags, Flags]:
        """Return the atoms that a solution of at most this total never opens, and those that it always opens.

        Both have shape (sites, atoms). A column away from where its reduced cost holds it costs at least that more.
        """
        assert self.reduced_costs is not None
        assert self.bound is not None
        slack = limit * (1 + MARGIN) - self.bound
        cost = self.reduced_costs[self.core.options :]
        closed, opened = np.zeros((2, *self.core.atom_bytes.shape), np.bool_)
        closed[self.strong.opening_site, self.strong.opening_atom] = cost > slack
        opened[self.strong.opening_site, self.strong.opening_atom] = -cost > slack
        return closed, opened

    def useful(self, limit: float) -> Flags:
        """Return the options that a solution of at most this total may use, shape (options,)."""
        assert self.reduced_costs is not None
        assert self.bound is not None
        slack = limit * (1 + MARGIN) - self.bound
        closed, _ = self.decided(limit)
        useful: Flags = self.core.available(~closed) & (self.reduced_costs[: self.core.options] <= slack)
        return useful

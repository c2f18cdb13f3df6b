"""The linear relaxation by sifting: a few options first, and then those that their prices ask for.

Most options are of no use: of 50,000 a relaxation uses some hundreds. So the program begins with the likely ones. An
option that is left out has linking rows, one for each atom, that stand in no program yet. Multipliers of these rows
raise its reduced cost, as far as the reduced costs of the openings allow. Where they raise it to 0, the option is
not needed; the others are added. When none is left, the multipliers of all rows prove that the solution is optimal for
the whole program.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram
from edgeopt.engines.running import Result
from edgeopt.kernels import kernel
from edgeopt.pulling.core import Core, Flags, Floats, Ints
from edgeopt.run import Run
from edgeopt.solution import Status

CHEAPEST = 2  # options of each group that are likely, and as many of those that are open
AT_ONCE = 4  # options of each group that are added together
FEW = 100  # groups; when so few lack options, they get all that are cheaper than their price
PRECISE = 1e-9  # relative to the largest cost; smaller negative reduced costs count as 0


class Columns(NamedTuple):
    """The options' entries by column, and the opening in each linking row."""

    start: Ints
    rows: Ints
    values: Floats
    opening: Ints  # (rows,): column of the one opening in a row ``sum of values * x <= factor * z``, -1 in others
    factor: Floats


@kernel
def raise_costs(columns: Columns, present: Flags, costs: Floats, duals: Floats, order: Ints, precise: float) -> None:
    """Raise the negative reduced costs of some options in turn by multipliers of rows that are not present."""
    for option in order:
        for position in range(columns.start[option], columns.start[option + 1]):
            row = columns.rows[position]
            opening = columns.opening[row]
            if costs[option] >= -precise:
                break
            if opening >= 0 and not present[row] and costs[opening] > 0.0:
                step = costs[opening] / columns.factor[row]
                needed = -costs[option] / columns.values[position]
                if needed < step:
                    step = needed
                duals[row] -= step
                costs[opening] -= step * columns.factor[row]
                costs[option] += step * columns.values[position]


def likely_options(core: Core, opened: Flags | None) -> Flags:
    """Return the cheapest options of each group, and the cheapest of those whose atoms are open."""
    likely = _first(core.option_group, np.arange(core.options), CHEAPEST, core)
    if opened is not None:
        likely |= _first(core.option_group, np.flatnonzero(core.available(opened)), CHEAPEST, core)
    return likely


def _first(option_group: Ints, options: Ints, most: int, core: Core) -> Flags:
    """Mark the first so many of these options, sorted by group, of each group."""
    group = option_group[options]
    rank = np.arange(len(group)) - np.searchsorted(group, np.arange(core.groups))[group]
    marked = np.zeros(core.options, np.bool_)
    marked[options[rank < most]] = True
    return marked


class Sifting:
    """A linear program of which a part is inside HiGHS.

    Parameters
    ----------
    core : Core
    program : LinearProgram
        The core's, options first.
    run : Run
    settings : dict
        Options of HiGHS.
    opened : numpy.ndarray of bool, shape (sites, atoms), optional
        The openings of a good solution.
    """

    def __init__(
        self, core: Core, program: LinearProgram, run: Run, settings: dict[str, str], opened: Flags | None
    ) -> None:
        self.core, self.program = core, program
        self._by_column = sparse.csc_array(program.rows)
        self._columns = self._structure()
        likely = likely_options(core, opened)
        self._used = np.concatenate([np.flatnonzero(likely), np.arange(core.options, len(program.cost))])
        self._missing = ~likely
        self._present = self._columns.opening < 0
        self._present[self._touched(np.flatnonzero(likely))] = True
        self._rows = np.flatnonzero(self._present)
        self._solver = HighsSolver(self._part(), run, settings)
        self._precise = PRECISE * max(1e-300, float(np.abs(program.cost).max(initial=0.0)))

    def solve(self) -> Result | None:
        """Return the result for the whole program; None when the likely options alone have no solution."""
        while True:
            result = self._solver.solve(relaxed=True)
            if result.status == Status.INFEASIBLE:
                return None
            if result.values is None or result.row_duals is None:
                return result
            duals = np.zeros(len(self._present))
            duals[self._rows] = result.row_duals
            costs = self.program.cost - self._by_column.T @ duals
            wanted = np.flatnonzero(self._missing & (costs[: self.core.options] < -self._precise))
            order = wanted[np.argsort(-costs[wanted], kind="stable")]
            raise_costs(self._columns, self._present, costs, duals, order, self._precise)
            lacking = wanted[costs[wanted] < -self._precise]
            if not len(lacking):
                values = np.zeros(len(self.program.cost))
                values[self._used] = result.values
                return replace(result, values=values, row_duals=duals, reduced_costs=costs)
            self._add(self._chosen(wanted, lacking, costs))

    def _structure(self) -> Columns:
        program, options = self.program, self.core.options
        count = program.rows.shape[0]
        row = np.repeat(np.arange(count), np.diff(program.rows.indptr))
        is_opening = program.rows.indices >= options
        openings = np.bincount(row[is_opening], minlength=count)
        served = np.bincount(row[~is_opening], minlength=count)
        linking = (openings == 1) & (served > 0) & (program.row_upper == 0) & np.isneginf(program.row_lower)
        opening, factor = np.full(count, -1, np.int64), np.zeros(count)
        entry = is_opening & linking[row]
        opening[row[entry]] = program.rows.indices[entry]
        factor[row[entry]] = -program.rows.data[entry]
        matrix = self._by_column
        return Columns(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data, opening, factor)

    def _touched(self, options: Ints) -> Ints:
        """Return the rows that these options stand in, in order."""
        return np.unique(self._by_column[:, options].indices)

    def _part(self) -> LinearProgram:
        program, used, rows = self.program, self._used, self._rows
        return LinearProgram(
            cost=program.cost[used],
            column_lower=program.column_lower[used],
            column_upper=program.column_upper[used],
            integer=np.zeros(len(used), np.bool_),
            rows=sparse.csr_array(program.rows[rows][:, used]),
            row_lower=program.row_lower[rows],
            row_upper=program.row_upper[rows],
            offset=program.offset,
        )

    def _chosen(self, wanted: Ints, lacking: Ints, costs: Floats) -> Ints:
        """Return the options to add: the cheapest that are lacking of each group, or all wanted of the last groups."""
        groups = np.unique(self.core.option_group[lacking])
        if len(groups) <= FEW:
            return wanted[np.isin(self.core.option_group[wanted], groups)]
        group = self.core.option_group[lacking]
        order = np.lexsort((costs[lacking], group))
        rank = np.arange(len(order)) - np.searchsorted(group[order], np.arange(self.core.groups))[group[order]]
        return np.sort(lacking[order][rank < AT_ONCE])

    def _add(self, options: Ints) -> None:
        """Add options with the rows that they need."""
        program, touched = self.program, self._touched(options)
        new = touched[~self._present[touched]]
        self._solver.add_rows(
            sparse.csr_array(program.rows[new][:, self._used]), program.row_lower[new], program.row_upper[new]
        )
        self._present[new] = True
        self._rows, self._missing[options] = np.append(self._rows, new), False
        position = np.empty(len(self._present), np.int64)
        position[self._rows] = np.arange(len(self._rows))
        columns = self._by_column[:, options]
        self._solver.add_columns(
            sparse.csc_array(
                (columns.data, position[columns.indices], columns.indptr), (len(self._rows), len(options))
            ),
            program.cost[options],
            program.column_lower[options],
            program.column_upper[options],
        )
        self._used = np.append(self._used, options)

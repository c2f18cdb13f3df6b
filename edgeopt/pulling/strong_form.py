"""The integer programs of `pulling` in arrays: the strong form, and the two weaker ones that it is compared with.

Variables: x_o, units served by option o; z_{v,a}, whether site v pulls atom a.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

from edgeopt.engines.linear import LinearProgram
from edgeopt.pulling.core import Core, Flags, Floats, Ints, ranked

Linking = Literal["strong", "plain", "aggregated"]


@dataclass
class Rows:
    """Rows ``lower <= matrix @ (x, z) <= upper``."""

    matrix: sparse.csr_array
    lower: Floats
    upper: Floats


class StrongProgram:
    """A core as a mixed-integer program.

    Parameters
    ----------
    core : Core
    linking : str
        How x depends on z: ``"strong"`` one row for each group, site and atom; ``"plain"`` one for each option and
        atom; ``"aggregated"`` one for each site and atom.

    Attributes
    ----------
    opening_site, opening_atom : numpy.ndarray of int64
        Site and atom of each z.
    opening : numpy.ndarray of int64, shape (sites, atoms)
        Column of each z, -1 where there is none.
    """

    def __init__(self, core: Core, linking: Linking = "strong") -> None:
        self.core = core
        options, atoms = core.atoms_of_options
        self._options, self._atoms, self._sites = options, atoms, core.option_site[options]
        key, _ = ranked(self._sites * core.atom_bytes.shape[1] + atoms)
        self.opening_site, self.opening_atom = np.divmod(key, max(1, core.atom_bytes.shape[1]))
        self.opening = np.full(core.atom_bytes.shape, -1, np.int64)
        self.opening[self.opening_site, self.opening_atom] = core.options + np.arange(len(key))
        self.columns = core.options + len(key)
        self._z = self.opening[self._sites, atoms]
        self.linking = linking

    def program(self, whole_units: bool = True) -> LinearProgram:
        """Return the whole program; with its units fractional, its optimum is a lower bound."""
        core = self.core
        parts = [self.serving_rows(), self.memory_rows(), self.work_rows(), self.compute_linking_rows()]
        parts += self.linking_rows()
        reachable = np.isfinite(core.cloud_cost)
        base = np.where(reachable, core.cloud_cost, 0.0)
        pull = core.atom_pull[self.opening_site, self.opening_atom]
        openings = len(pull)
        limited = core.limited[core.option_site]
        return LinearProgram(
            cost=np.concatenate([core.option_cost - base[core.option_group], pull]),
            column_lower=np.zeros(self.columns),
            column_upper=np.concatenate([core.units[core.option_group].astype(float), np.ones(openings)]),
            integer=np.concatenate([limited & whole_units, np.ones(openings, bool)]),
            rows=sparse.csr_array(sparse.vstack([part.matrix for part in parts], format="csr")),
            row_lower=np.concatenate([part.lower for part in parts]),
            row_upper=np.concatenate([part.upper for part in parts]),
            offset=core.cloud_total,
        )

    def serving_rows(self) -> Rows:
        """Each unit takes at most one option; without a cloud exactly one."""
        core = self.core
        matrix = self._matrix(core.option_group, np.arange(core.options), np.ones(core.options), core.groups)
        units = core.units.astype(float)
        return Rows(matrix, np.where(np.isinf(core.cloud_cost), units, -np.inf), units)

    def memory_rows(self) -> Rows:
        """The atoms of a site fit into its memory; sites where all fit together need no row."""
        core, site, atom = self.core, self.opening_site, self.opening_atom
        size = core.atom_bytes[site, atom]
        total = np.zeros(core.sites, np.int64)
        np.add.at(total, site, size)
        tight = total > core.memory
        row, kept = np.cumsum(tight) - 1, tight[site]
        share = size / np.maximum(core.memory[site], 1)
        matrix = self._matrix(row[site[kept]], self.opening[site, atom][kept], share[kept], int(tight.sum()))
        return self._at_most(matrix, np.minimum(core.memory[tight], 1).astype(float))

    def work_rows(self) -> Rows:
        """The options of a site stay within its compute limit."""
        core = self.core
        row = np.cumsum(core.limited) - 1
        kept = np.flatnonzero(core.limited[core.option_site] & (core.option_work > 0))
        site = core.option_site[kept]
        share = core.option_work[kept] / np.maximum(core.work_limit[site], 1)
        return self._at_most(self._matrix(row[site], kept, share, int(core.limited.sum())))

    def compute_linking_rows(self) -> Rows:
        """The options that need an atom stay within the compute limit of the site times its z."""
        core = self.core
        kept = core.limited[self._sites] & (core.option_work[self._options] > 0)
        if self.linking != "strong":
            kept &= False
        options, column = self._options[kept], self._z[kept]
        unique, row = ranked(column)
        share = core.option_work[options] / np.maximum(core.work_limit[core.option_site[options]], 1)
        return self._linked(options, share, row, unique, -np.ones(len(unique)))

    def linking_rows(self) -> list[Rows]:
        """An option is used only where its atoms are open."""
        core, options = self.core, self._options
        ones, units = np.ones(len(options)), core.units.astype(float)
        if self.linking == "plain":
            return [self._linked(options, ones, np.arange(len(options)), self._z, -units[core.option_group[options]])]
        if self.linking == "aggregated":
            unique, row = ranked(self._z)
            most = np.bincount(row, units[core.option_group[options]], minlength=len(unique))
            return [self._linked(options, ones, row, unique, -most.astype(float))]
        entry_row, column, group, nested = self._strong_pattern
        kept = entry_row >= 0
        strong = self._linked(options[kept], ones[kept], entry_row[kept], column, -units[group])
        rows = np.tile(np.arange(len(nested)), 2)
        signs = np.repeat([1.0, -1.0], len(nested))
        order = self._matrix(rows, np.concatenate([nested[:, 0], nested[:, 1]]), signs, len(nested))
        return [strong, self._at_most(order, np.zeros(len(nested)))]

    @property
    def _strong_pattern(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Rows of the strong form: row of each pair (option, atom), z and group of each row, pairs z <= z'.

        Two atoms of one site whose rows for a group name the same options need only one row, when all models that
        hold the one hold the other too. It is the row of the atom that fewer models hold, whose z is at most the
        other's in an optimal plan.
        """
        core, options, atoms = self.core, self._options, self._atoms
        place = core.option_group[options] * core.sites + self._sites
        width = max(1, core.atom_bytes.shape[1])
        unique, row = ranked(place * width + atoms)
        marks = np.random.default_rng(0).integers(0, 2**62, core.models)
        signature = np.zeros(len(unique), np.int64)
        np.add.at(signature, row, marks[core.option_model[options]])
        place, atom = np.divmod(unique, width)
        group, site = np.divmod(place, max(1, core.sites))
        held_by = np.bincount(core.model_atoms, minlength=width)
        order = np.lexsort((atom, held_by[atom], signature, place))
        first = np.ones(len(order), bool)
        first[1:] = (place[order][1:] != place[order][:-1]) | (signature[order][1:] != signature[order][:-1])
        leader = np.empty(len(order), np.int64)
        leader[order] = order[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
        follows = self._nested(atom[leader], atom)
        follows[leader == np.arange(len(leader))] = False
        kept = np.cumsum(~follows) - 1
        entry_row = np.where(follows[row], -1, kept[row])
        pairs = np.stack([self.opening[site, atom[leader]], self.opening[site, atom]], axis=1)[follows]
        nested = np.unique(pairs, axis=0) if len(pairs) else np.empty((0, 2), np.int64)
        return entry_row, self.opening[site, atom][~follows], group[~follows], nested

    def _nested(self, inner: Ints, outer: Ints) -> Flags:
        """Whether every model that holds atom `inner` holds atom `outer` too, pair by pair."""
        core = self.core
        models = np.repeat(np.arange(core.models), np.diff(core.model_start))
        shape = (core.models, core.atom_bytes.shape[1])
        holds = sparse.csc_array((np.ones(len(models)), (models, core.model_atoms)), shape=shape)
        unique, position = ranked(inner * shape[1] + outer)
        left, right = np.divmod(unique, max(1, shape[1]))
        common = np.asarray(holds[:, left].multiply(holds[:, right]).sum(axis=0)).ravel()
        found: Flags = (common == np.diff(holds.indptr)[left])[position]
        return found

    def _matrix(self, rows: Ints, columns: Ints, values: Floats, count: int) -> sparse.csr_array:
        return sparse.csr_array((values, (rows, columns)), shape=(count, self.columns))

    def _at_most(self, matrix: sparse.csr_array, upper: Floats | None = None) -> Rows:
        bound = np.ones(matrix.shape[0]) if upper is None else upper
        return Rows(matrix, np.full(matrix.shape[0], -np.inf), bound)

    def _linked(self, options: Ints, values: Floats, row: Ints, column: Ints, factor: Floats) -> Rows:
        """Rows ``sum of values * x + factor * z <= 0``."""
        count = len(column)
        matrix = self._matrix(
            np.concatenate([row, np.arange(count)]),
            np.concatenate([options, column]),
            np.concatenate([values, factor]),
            count,
        )
        return self._at_most(matrix, np.zeros(count))

    def point(self, amounts: Ints) -> Floats:
        """The program's point of a solution of the core."""
        opened = self.core.opened(amounts)
        return np.concatenate([amounts.astype(float), opened[self.opening_site, self.opening_atom].astype(float)])

    def opened(self, values: Floats) -> Flags:
        """The atoms whose z is one at a point, shape (sites, atoms)."""
        found = np.zeros(self.core.atom_bytes.shape, bool)
        found[self.opening_site, self.opening_atom] = values[self.core.options : self.columns] > 0.5
        return found

"""The compiled strong formulation: which of its columns and rows are what, and placements as its values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.linear import LinearProgram, compile_formulation
from edgeopt.models.placement import formulate
from edgeopt.placement.arrays import DemandArrays

Placement = NDArray[np.bool_]


class Program:
    """The compiled formulation of `arrays`, and how its columns read as placements."""

    def __init__(self, arrays: DemandArrays) -> None:
        self.arrays = arrays
        self.formulation = formulate(arrays)
        self.linear: LinearProgram = compile_formulation(self.formulation)
        self.model_columns = self.linear.columns(self.formulation.x)
        self.block_columns = self.linear.columns(self.formulation.z)
        self.hit_columns = self.linear.columns(self.formulation.h)

    def placement(self, values: NDArray[np.float64]) -> Placement:
        """Return the models placed by a solution, shape (nodes, models)."""
        placed = self.arrays.empty()
        for key, column in self.model_columns.items():
            placed[key] = values[column] > 0.5
        return placed

    def start(self, placed: Placement) -> NDArray[np.float64]:
        """Return the values of all columns for a placement, shape (columns,)."""
        values = np.zeros(len(self.linear.cost))
        for key, column in self.model_columns.items():
            values[column] = placed[key]
        for (node, model, block), _ in self.formulation.needs.items():
            if placed[node, model]:
                values[self.block_columns[node, block]] = 1.0
        covered = self.arrays.covered(placed) > 0
        for group, column in self.hit_columns.items():
            values[column] = covered[group]
        return values

    def cover_cuts(self, placed: Placement) -> sparse.csr_array:
        """Return rows ``row @ x <= (entries of row) - 1`` that forbid what overfills a node, one for each such node."""
        over = np.flatnonzero(self.arrays.stored_bytes(placed) > self.arrays.storage)
        rows = sparse.lil_array((len(over), len(self.linear.cost)))
        for row, node in enumerate(over):
            for model in np.flatnonzero(placed[node]):
                rows[row, self.model_columns[int(node), int(model)]] = 1.0
        return sparse.csr_array(rows)

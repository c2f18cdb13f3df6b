"""A path of models as the local search and the greedy methods change it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.tables import Tables


class Path:
    """Models in the order of their visits, between two sentinels.

    Attributes
    ----------
    cells : numpy.ndarray of int64, shape (models + 2,)
        The sentinel, the models of the path, the sentinel; the rest has no meaning.
    place : numpy.ndarray of int64, shape (models + 1,)
        Position of each model in `cells`; 0 when it is not on the path.
    """

    def __init__(self, tables: Tables, order: Iterable[int] = ()) -> None:
        self._tables = tables
        self.cells = np.full(tables.models + 2, tables.models, dtype=np.int64)
        self.place = np.zeros(tables.models + 1, dtype=np.int64)
        chosen = np.fromiter(order, dtype=np.int64)
        self.cells[1 : len(chosen) + 1] = chosen
        self.place[chosen] = np.arange(1, len(chosen) + 1)

    def order(self) -> NDArray[np.int64]:
        """The models of the path, as a copy."""
        end = int(np.argmax(self.cells[1:] == self._tables.models))
        return self.cells[1 : 1 + end].copy()

    def completed(self, extra: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the order with these models inserted one by one where they save most."""
        from edgeopt.loading.search_kernels import complete

        order = self.order()
        whole = Path(self._tables, order)
        complete(whole.cells, whole.place, len(order), extra, self._tables.overlap)
        return whole.order()

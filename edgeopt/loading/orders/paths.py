"""A path of models as the local search and the greedy methods change it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgeopt.loading.orders.tables import ServingTables

RESERVE = 100  # models beyond those of a path among which the order-DP may choose as well


class Path:
    """Models in the order of their visits, between two sentinels.

    Attributes
    ----------
    cells : numpy.ndarray of int64, shape (models + 2,)
        The sentinel, the models of the path, the sentinel; the rest has no meaning.
    place : numpy.ndarray of int64, shape (models + 1,)
        Position of each model in `cells`; 0 when it is not on the path.
    """

    def __init__(self, tables: ServingTables, order: Iterable[int] = ()) -> None:
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

    def completed(self) -> NDArray[np.int64]:
        """Return the order with up to `RESERVE` further models inserted one by one where they save most.

        They are those worth most at the price per user that spends the deadline on the path.
        """
        from edgeopt.loading.orders.search_kernels import complete, fill, path_load, set_worth

        tables = self._tables
        order = self.order()
        time = tables.horizon - path_load(self.cells, len(order), tables.load, tables.overlap)
        users, price = fill(self.place, time, *tables.ranked)
        if not 0 < price < np.inf:
            price = tables.horizon / max(1.0, users)
        worth = np.empty(tables.models)
        set_worth(worth, price, tables.slopes, tables.first, tables.load)
        outside = np.flatnonzero(self.place[:-1] == 0)
        extra = outside[np.argsort(-(worth + tables.largest[:-1])[outside], kind="stable")[:RESERVE]]
        whole = Path(tables, order)
        complete(whole.cells, whole.place, len(order), extra, tables.overlap)
        return whole.order()

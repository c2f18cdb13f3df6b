"""Which nodes a search re-solves together while the others stand: sets that grow where nothing is gained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.arrays import DemandArrays

LEAST = 3  # nodes of a set, where there are as many
LIMITS = (20, 10_000)  # nodes of the solver's tree on a set, at first and at most
DRAWS = 20  # of a set before all of its size count as tried


class NodeSets:
    """Draws sets of nodes that reach demand in common.

    After as many sets without gain as two for each node, sets get one node more; when all nodes together gain nothing,
    the limit of the solver's tree doubles, and small sets come again. A gain opens all sets again, and makes the next
    ones smaller by a node. A set inside one that has been tried since is not drawn.

    Parameters
    ----------
    arrays : DemandArrays
    random : numpy.random.Generator

    Attributes
    ----------
    limit : int
        Nodes of the solver's tree on the next set.
    """

    def __init__(self, arrays: DemandArrays, random: np.random.Generator) -> None:
        common = (arrays.reach * arrays.group_weight[:, None]).T @ arrays.reach
        self._common: NDArray[np.float64] = np.where(np.eye(len(common), dtype=np.bool_), 0.0, common)
        self._random = random
        self._least = self._size = min(LEAST, len(common))
        self._tried: list[frozenset[int]] = []
        self._value = -np.inf
        self._idle = 0
        self.limit = LIMITS[0]

    def draw(self, value: float) -> list[int]:
        """Return the nodes of the next set, in increasing order; none where no two nodes reach demand in common.

        Parameters
        ----------
        value : float
            That of the placement from which the set is re-solved; above that at the last draw it is a gain.
        """
        if value > self._value:
            self._tried.clear()
            self._size = max(self._least, self._size - 1)
            self._value, self._idle = value, 0
        elif self._idle >= 2 * len(self._common):
            self._grow()
        self._idle += 1
        for _ in range(DRAWS):
            nodes = self._draw()
            if not any(nodes <= tried for tried in self._tried):
                break
        else:
            self._grow()
            nodes = self._draw()
        self._tried.append(nodes)
        return sorted(nodes)

    def _draw(self) -> frozenset[int]:
        reached = self._common.sum(axis=1)
        nodes: list[int] = []
        for _ in range(self._size):
            weight = reached if not nodes else self._common[nodes].sum(axis=0)
            weight[nodes] = 0.0
            if not weight.any():
                break
            nodes.append(int(self._random.choice(len(weight), p=weight / weight.sum())))
        return frozenset(nodes)

    def _grow(self) -> None:
        self._idle, self._size = 0, self._size + 1
        if self._size > len(self._common):
            self._size, self.limit = self._least, min(2 * self.limit, LIMITS[1])
            self._tried.clear()

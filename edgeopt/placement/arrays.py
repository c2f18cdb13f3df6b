"""The start of every method of `placement`: demand merged by model and reach, models and nodes numbered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import fsum

import numpy as np
from numpy.typing import NDArray

from edgeopt.placement.instance import PlacementInstance
from edgeopt.placement.knapsack import Knapsack
from edgeopt.solution import Plan


class DemandArrays:
    """A placement instance reduced to the models that some node can store and someone near it requests.

    Rows of the demand with the same model and the same nodes that can store it are one group. Models are numbered in
    the library's order, nodes in the instance's.

    Attributes
    ----------
    instance : PlacementInstance
    node_names, model_names : list of str
    sharing : Sharing
        Blocks and atoms of these models only.
    storage : numpy.ndarray of int64, shape (nodes,)
    group_model : numpy.ndarray of int64, shape (groups,)
        The model that each group requests; increasing.
    group_weight : numpy.ndarray of float64, shape (groups,)
        Positive.
    reach : numpy.ndarray of bool, shape (groups, nodes)
        Whether the node can store the group's model and deliver it in time.
    """

    def __init__(self, instance: PlacementInstance) -> None:
        self.instance = instance
        self.integral = instance.integral
        self.node_names = list(instance.nodes)
        self.storage = np.array([node.storage_bytes for node in instance.nodes.values()], dtype=np.int64)
        groups = _merge(instance)
        requested = {model for model, _ in groups}
        self.model_names = [model for model in instance.library.models if model in requested]
        self.sharing = instance.library.restricted(self.model_names).sharing
        number = {model: index for index, model in enumerate(self.model_names)}
        ordered = sorted(groups, key=lambda group: (number[group[0]], group[1]))
        self.group_model = np.array([number[model] for model, _ in ordered], dtype=np.int64)
        self.group_weight = np.array([groups[group] for group in ordered], dtype=np.float64)
        self.reach = np.zeros((len(ordered), len(self.node_names)), dtype=np.bool_)
        for row, (_, nodes) in enumerate(ordered):
            self.reach[row, list(nodes)] = True

    @cached_property
    def groups_of(self) -> NDArray[np.int64]:
        """Where each model's groups start, shape (models + 1,); groups are ordered by model."""
        return np.searchsorted(self.group_model, np.arange(len(self.model_names) + 1))

    @cached_property
    def useful(self) -> NDArray[np.bool_]:
        """Whether the model on the node could hit any demand, shape (nodes, models)."""
        useful = np.zeros((len(self.node_names), len(self.model_names)), dtype=np.bool_)
        for model in range(len(self.model_names)):
            useful[:, model] = self.reach[self.groups_of[model] : self.groups_of[model + 1]].any(axis=0)
        return useful

    @cached_property
    def incidence(self) -> NDArray[np.bool_]:
        """Whether the model holds the atom, shape (models, atoms)."""
        dense: NDArray[np.bool_] = self.sharing.incidence.toarray().astype(np.bool_)
        return dense

    def covered(self, placed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Number of nodes that hit each group, shape (groups,), for `placed` of shape (nodes, models)."""
        counts: NDArray[np.int64] = (placed.T[self.group_model] & self.reach).sum(axis=1)
        return counts

    def value(self, placed: NDArray[np.bool_]) -> float:
        """Return the weight that a placement hits."""
        return float(self.group_weight[self.covered(placed) > 0].sum())

    @property
    def all_weight(self) -> float:
        """Weight of all demand that some node can hit: the bound that needs no solver."""
        return float(self.group_weight.sum())

    def stored_bytes(self, placed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the bytes that each node stores, shape (nodes,)."""
        needed: NDArray[np.int64] = (placed.astype(np.int64) @ self.incidence.astype(np.int64) > 0) @ (
            self.sharing.atom_bytes
        )
        return needed

    def gains(self, open_weight: NDArray[np.float64], model: int) -> NDArray[np.float64]:
        """Return what placing the model would hit on each node, shape (nodes,), of the given weights of the groups."""
        rows = slice(self.groups_of[model], self.groups_of[model + 1])
        gains: NDArray[np.float64] = open_weight[rows] @ self.reach[rows]
        return gains

    def knapsack(self, node: int, placed: NDArray[np.bool_]) -> Knapsack:
        """Return the set-union knapsack problem of one node when the other nodes store what `placed` says."""
        others = placed.copy()
        others[node] = False
        open_weight = np.where((self.covered(others) == 0) & self.reach[:, node], self.group_weight, 0.0)
        profit = np.bincount(self.group_model, open_weight, minlength=len(self.model_names)).astype(np.float64)
        return Knapsack(
            profit, self.incidence, self.sharing.atom_bytes, int(self.storage[node]), integral=self.integral
        )

    def focus(self, nodes: Sequence[int], placed: NDArray[np.bool_]) -> DemandArrays:
        """Return the problem of some nodes: the demand that the others, storing what `placed` says, do not hit."""
        others = placed.copy()
        others[nodes] = False
        reach = self.reach[:, nodes]
        left = (self.covered(others) == 0) & reach.any(axis=1)
        view = object.__new__(DemandArrays)
        view.instance, view.integral = self.instance, self.integral
        view.model_names, view.sharing = self.model_names, self.sharing
        view.node_names = [self.node_names[node] for node in nodes]
        view.storage = self.storage[nodes]
        view.group_model, view.group_weight, view.reach = self.group_model[left], self.group_weight[left], reach[left]
        return view

    def empty(self) -> NDArray[np.bool_]:
        """Return the placement of nothing, shape (nodes, models)."""
        return np.zeros((len(self.node_names), len(self.model_names)), dtype=np.bool_)

    def plan(self, placed: NDArray[np.bool_]) -> Plan:
        """Write a placement as a plan."""
        return {
            "placed": {
                node: [self.model_names[model] for model in np.flatnonzero(placed[index])]
                for index, node in enumerate(self.node_names)
            }
        }

    def placed(self, plan: Plan) -> NDArray[np.bool_]:
        """Read a feasible plan as a placement, without the models that no one near requests; shape (nodes, models)."""
        placed = self.empty()
        number = {model: index for index, model in enumerate(self.model_names)}
        for node, models in plan["placed"].items():
            placed[self.node_names.index(node), [number[model] for model in models if model in number]] = True
        return placed & self.useful


def _merge(instance: PlacementInstance) -> dict[tuple[str, tuple[int, ...]], float]:
    """Return the weight of the demand by model and by the nodes that can deliver and store it."""
    number = {node: index for index, node in enumerate(instance.nodes)}
    largest = [node.storage_bytes for node in instance.nodes.values()]
    size = {model: instance.library.size_bytes(model) for model in {row.model for row in instance.demand}}
    weights: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for row in instance.demand:
        nodes = sorted(number[node] for node in row.nodes)
        able = tuple(node for node in nodes if size[row.model] <= largest[node])
        if able and row.weight > 0:
            weights.setdefault((row.model, able), []).append(row.weight)
    return {group: fsum(values) for group, values in weights.items()}

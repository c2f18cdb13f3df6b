"""Instances of `placement`: nodes with storage, and demand for models that some of the nodes can deliver in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import ClassVar, Literal

from edgeopt.errors import Finding, suggestion
from edgeopt.frozen import DictOf, ListOf
from edgeopt.instance import Instance
from edgeopt.libraries.library import Name
from edgeopt.quantities import quantity
from edgeopt.record import Bytes, Record
from edgeopt.weights import Weight, whole


class Node(Record):
    """An edge node.

    Attributes
    ----------
    storage_bytes : int
        Storage C_n; each block counts once, however many of the node's models hold it.
    """

    storage_bytes: Bytes


class Demand(Record):
    """A user's demand for a model.

    Attributes
    ----------
    user : str
    model : str
    weight : int or float
        A probability or any other profit; rows that say the same add up.
    nodes : list of str
        The nodes that can deliver the model to the user in time; none: the demand is never hit.
    """

    user: Name
    model: Name
    weight: Weight
    nodes: ListOf[Name]


class PlacementInstance(Instance):
    """Nodes that store models, and the demand that they serve.

    Attributes
    ----------
    nodes : dict of str to Node
    demand : list of Demand
        Or, in a file, the path of a CSV table with a column for each key; nodes with semicolons between them.
    """

    tables: ClassVar[Mapping[str, str]] = {"demand": ""}

    problem: Literal["placement"] = "placement"
    nodes: DictOf[Name, Node]
    demand: ListOf[Demand]

    def findings(self) -> Iterable[Finding]:
        yield from super().findings()
        models, nodes = list(self.library.models), list(self.nodes)
        for index, row in enumerate(self.demand):
            place = f"$.demand[{index}]"
            if row.model not in self.library.models:
                problem = f"the library has no model {row.model!r}"
                yield Finding(f"{place}.model", problem, partial(suggestion, row.model, models))
            for position, node in enumerate(row.nodes):
                if node not in self.nodes:
                    hint = partial(suggestion, node, nodes)
                    yield Finding(f"{place}.nodes[{position}]", f"there is no node {node!r}", hint)
                elif node in row.nodes[:position]:
                    problem = f"the node {node!r} stands twice in this row"
                    yield Finding(f"{place}.nodes[{position}]", problem, "name it once")

    @property
    def integral(self) -> bool:
        """Whether all weights are whole numbers, so that bounds may be rounded."""
        return whole(row.weight for row in self.demand)

    def facts(self) -> dict[str, str]:
        users = {row.user for row in self.demand}
        requested = {row.model for row in self.demand}
        storage = sum(node.storage_bytes for node in self.nodes.values())
        reach = sum(len(row.nodes) for row in self.demand) / max(1, len(self.demand))
        kind = " (a set-union knapsack problem)" if len(self.nodes) == 1 else ""
        return {
            **super().facts(),
            "nodes": f"{len(self.nodes)}, {quantity(storage, 'B')} of storage in all{kind}",
            "demand": f"{len(self.demand)} rows of {len(users)} users for {len(requested)} models, "
            f"total weight {sum(row.weight for row in self.demand):.6g}, {reach:.2f} nodes per row",
        }


INSTANCE_CLASS = PlacementInstance

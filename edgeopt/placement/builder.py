"""Instances of `placement` built in code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from edgeopt.builder import Builder
from edgeopt.csv_records import read_records


class PlacementBuilder(Builder):
    """Builds an instance of `placement`: models, then nodes with their storage, then the demand of users."""

    problem = "placement"

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self._data.setdefault("nodes", {})
        self._data.setdefault("demand", [])

    def add_node(self, name: str, *, storage_bytes: int | str) -> Self:
        """Add a node."""
        self._put(self._entries("nodes"), "node", name, {"storage_bytes": storage_bytes})
        return self

    def add_demand(self, user: str, model: str, *, weight: float = 1, nodes: Sequence[str] | None = None) -> Self:
        """Add a user's demand for a model, and the nodes that can deliver it in time; default: those so far."""
        reached = list(self._entries("nodes") if nodes is None else nodes)
        self._list("demand").append({"user": user, "model": model, "weight": weight, "nodes": reached})
        return self

    def add_demands(self, path: str | Path) -> Self:
        """Add the rows of a CSV table: ``user``, ``model``, ``weight``, ``nodes`` with semicolons between them."""
        self._list("demand").extend(read_records(path).values())
        return self


BUILDER = PlacementBuilder

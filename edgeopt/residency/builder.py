"""Instances of `residency` built in code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from edgeopt.builder import Builder
from edgeopt.csv_records import read_column


class ResidencyBuilder(Builder):
    """Builds an instance of `residency`: give ``memory_bytes``, then add models, seconds of loading, and requests."""

    problem = "residency"

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self._data.setdefault("load_s", {})
        self._data.setdefault("requests", [])

    def add_load(self, block: str, seconds: float | str) -> Self:
        """Say how long a block takes to load."""
        self._entries("load_s")[block] = self._number("load_s", seconds, f"block {block!r}")
        return self

    def add_request(self, model: str) -> Self:
        """Add a request for a model after those before."""
        self._list("requests").append(model)
        return self

    def add_requests(self, path: str | Path) -> Self:
        """Add the rows of a CSV table in their order: the column ``model``."""
        self._list("requests").extend(read_column(path, "model"))
        return self


BUILDER = ResidencyBuilder

"""Instances of `caching` built in code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from edgeopt.builder import Builder
from edgeopt.caching.instance import read_scenarios


class CachingBuilder(Builder):
    """Builds an instance of `caching`: give ``radio`` (``bandwidth_hz``, ``noise_w``, ``csi_error``), then add models,
    nodes with their channels, links and scenarios.
    """

    problem = "caching"

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        radio = self._entries("radio")
        radio.setdefault("channels", {})
        backhaul = self._entries("backhaul")
        backhaul.setdefault("cloud_bps", {})
        backhaul.setdefault("links", [])

    def add_node(
        self,
        name: str,
        *,
        storage_bytes: int | str,
        power_w: float | str,
        channels: Mapping[str, Sequence[complex]],
        cloud_bps: float | str | None = None,
    ) -> Self:
        """Add a node: its channel to each user, a number for each antenna, and its rate from the cloud if any."""
        antennas = max((len(row) for row in channels.values()), default=1)
        values = {"storage_bytes": storage_bytes, "power_w": power_w, "antennas": antennas}
        self._put(self._entries("nodes"), "node", name, values)
        plain = {user: [[value.real, value.imag] for value in map(complex, row)] for user, row in channels.items()}
        self._data["radio"]["channels"][name] = plain
        if cloud_bps is not None:
            self._data["backhaul"]["cloud_bps"][name] = self._number("cloud_bps", cloud_bps, f"node {name!r}")
        return self

    def add_link(self, source: str, to: str, *, rate_bps: float | str) -> Self:
        """Add a directed link over which cached blocks migrate."""
        self._append(self._data["backhaul"]["links"], "link", {"from": source, "to": to, "rate_bps": rate_bps})
        return self

    def add_scenario(self, probability: float, requests: Mapping[str, str]) -> Self:
        """Add a scenario: which model each user asks for, users left out asking for nothing."""
        self._list("scenarios").append({"probability": probability, "requests": dict(requests)})
        return self

    def add_scenarios(self, path: str | Path) -> Self:
        """Add the scenarios of a CSV table: columns ``scenario``, ``probability``, ``user``, ``model``."""
        self._list("scenarios").extend(read_scenarios(path))
        return self


BUILDER = CachingBuilder

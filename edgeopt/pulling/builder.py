"""Instances of `pulling` built in code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from edgeopt.builder import Builder
from edgeopt.pulling.csv_files import read_links, read_requests


class PullingBuilder(Builder):
    """Builds an instance of `pulling`: give ``cloud`` (``name``, ``speed_flops_per_s``), then add models with ``task``,
    ``accuracy`` and ``flops_per_sample``, then cloudlets, links and requests.
    """

    problem = "pulling"

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        for key, empty in (("cloudlets", {}), ("links", []), ("requests", {})):
            self._data.setdefault(key, empty)

    def add_cloudlet(self, name: str, *, memory_bytes: int | str, speed_flops_per_s: float, **keys: Any) -> Self:
        """Add a cloudlet; it may have ``compute_flops``, ``resident`` blocks, ``pull_delay_s``."""
        values = {"memory_bytes": memory_bytes, "speed_flops_per_s": speed_flops_per_s, **keys}
        self._put(self._entries("cloudlets"), "cloudlet", name, values)
        return self

    def add_link(self, first: str, second: str, *, bandwidth_bps: float | str, latency_s: float | str = 0.0) -> Self:
        """Add a link between two nodes, in both directions."""
        values = {"between": [first, second], "bandwidth_bps": bandwidth_bps, "latency_s": latency_s}
        self._append(self._list("links"), "link", values)
        return self

    def add_request(
        self, name: str, node: str, *, input_bits: float | str, samples: int = 1, count: int = 1, **keys: Any
    ) -> Self:
        """Add a request that enters at a node; give ``task`` and ``min_accuracy``, or its ``models``."""
        values = {"node": node, "input_bits": input_bits, "samples": samples, "count": count, **keys}
        self._put(self._entries("requests"), "request", name, values)
        return self

    def add_requests(self, path: str | Path) -> Self:
        """Add the requests of a CSV table."""
        for name, values in read_requests(path).items():
            self._put(self._entries("requests"), "request", name, values)
        return self

    def add_links(self, path: str | Path) -> Self:
        """Add the links of a CSV table."""
        self._list("links").extend(read_links(path))
        return self


BUILDER = PullingBuilder

"""Drawn instances: the blocks that cloudlets hold from the start, and the sites that requests may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeopt.libraries.library import ModelLibrary

if TYPE_CHECKING:
    import networkx as nx


def fill(cloudlets: dict[str, Any], library: ModelLibrary, share: float, rng: np.random.Generator) -> None:
    """Make models resident at each cloudlet, drawn in random order, while their blocks fit a share of the memory."""
    names = list(library.models)
    for cloudlet in cloudlets.values():
        room, held = share * cloudlet["memory_bytes"], dict[str, None]()
        for index in rng.permutation(len(names)).tolist():
            added = [block for block in library.models[names[index]].blocks if block not in held]
            size = sum(library.blocks[block] for block in added)
            if size <= room:
                room -= size
                held |= dict.fromkeys(added)
        if held:
            cloudlet["resident"] = list(held)


def nearest_sites(network: nx.Graph[str], cloudlets: list[str], node: str, count: int) -> list[str]:
    """Return the cloudlets that are nearest to a node by seconds per bit, in the order of their names."""
    import networkx as nx

    def s_per_bit(_: str, __: str, link: dict[str, float]) -> float:
        return 1 / link["bandwidth_bps"]

    away = nx.single_source_dijkstra_path_length(network, node, weight=s_per_bit)
    return sorted(sorted(cloudlets, key=lambda site: (away.get(site, np.inf), site))[:count])

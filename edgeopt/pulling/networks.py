"""Networks of `pulling`: drawn ones, those of GraphML files, and base stations with links between neighbours."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edgeopt.errors import Finding, InputError, UsageError

if TYPE_CHECKING:
    import networkx as nx

    from edgeopt.measured.places import Area

Graph = Literal["waxman", "barabasi-albert", "watts-strogatz", "star"]

CLOUD = "cloud"
KM_PER_S = 200_000.0  # light in fibre
REGION_KM = 200.0  # side of the square of drawn networks
DETOUR = 1.3  # cables are longer than the great circle; our choice
LINK_BPS = (2e8, 5e8, 1e9)
ZOO_LINK_BPS = 1e10  # where a GraphML file gives no LinkSpeedRaw
HOP_S = 1e-4  # our choice: what the equipment of a station adds to the time in fibre
MOST_STATIONS = 3000


def draw_network(graph: Graph, cloudlets: int, rng: np.random.Generator) -> nx.Graph[str]:
    """Draw a connected network of twice as many nodes as cloudlets in a square; latencies follow from distances."""
    import networkx as nx

    count, seed = max(4, 2 * cloudlets), int(rng.integers(2**31))
    if graph == "waxman":
        drawn = nx.waxman_graph(count, beta=0.6, alpha=0.15, seed=seed)
    elif graph == "barabasi-albert":
        drawn = nx.barabasi_albert_graph(count, 2, seed=seed)
    elif graph == "watts-strogatz":
        drawn = nx.connected_watts_strogatz_graph(count, 4, 0.2, seed=seed)
    else:
        drawn = nx.star_graph(count - 1)
    position = REGION_KM * rng.random((count, 2))
    parts = [sorted(part) for part in nx.connected_components(drawn)]
    drawn.add_edges_from((parts[0][0], part[0]) for part in parts[1:])
    width = len(str(count))
    network: nx.Graph[str] = nx.Graph()
    network.add_nodes_from(f"n{index:0{width}d}" for index in range(count))
    for u, v in sorted(drawn.edges):
        km = float(np.hypot(*(position[u] - position[v])))
        latency = float(f"{DETOUR * km / KM_PER_S:.3g}")
        network.add_edge(
            f"n{u:0{width}d}", f"n{v:0{width}d}", latency_s=latency, bandwidth_bps=float(rng.choice(LINK_BPS))
        )
    return network


def read_topology(path: str | Path) -> nx.Graph[str]:
    """Read a GraphML file; parallel edges count once, nodes without coordinates get the median latency."""
    import networkx as nx

    try:
        raw = nx.read_graphml(path)
    except FileNotFoundError:
        raise InputError(Finding("$", "there is no such file"), path) from None
    except Exception as error:  # the XML parser, networkx and numpy raise errors of many kinds
        raise InputError(Finding("$", f"this is not a GraphML file that can be read: {error}"), path) from None
    label = {node: f"{attributes.get('label', node)}" for node, attributes in raw.nodes(data=True)}
    seen: dict[str, int] = {}
    for node, text in label.items():
        seen[text] = seen.get(text, 0) + 1
        label[node] = text if seen[text] == 1 and text != CLOUD else f"{text} ({node})"
    network: nx.Graph[str] = nx.Graph()
    network.add_nodes_from(label[node] for node in raw)
    for u, v, attributes in raw.edges(data=True):
        if u != v:
            speed = float(attributes.get("LinkSpeedRaw") or 0.0)
            latency = _latency(raw.nodes[u], raw.nodes[v])
            network.add_edge(label[u], label[v], latency_s=latency, bandwidth_bps=speed if speed > 0 else ZOO_LINK_BPS)
    known = [
        attributes["latency_s"] for _, _, attributes in network.edges(data=True) if attributes["latency_s"] is not None
    ]
    middle = float(f"{np.median(known):.3g}") if known else 0.002
    for _, _, attributes in network.edges(data=True):
        attributes["latency_s"] = middle if attributes["latency_s"] is None else attributes["latency_s"]
    return network


def _latency(first: dict[str, Any], second: dict[str, Any]) -> float | None:
    """Return the seconds along the great circle with detours; None without coordinates."""
    keys = ("Latitude", "Longitude")
    if any(key not in node for node in (first, second) for key in keys):
        return None
    (a, b), (c, d) = ((radians(float(node[key])) for key in keys) for node in (first, second))
    half = sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2
    return float(f"{DETOUR * 2 * 6371.0 * asin(sqrt(min(1.0, half))) / KM_PER_S:.3g}")


def link_stations(area: Area, rng: np.random.Generator) -> nx.Graph[str]:
    """Link stations by the Gabriel graph; latencies follow from distances, bandwidths are drawn.

    Raises
    ------
    UsageError
        There are more stations than the rule can link in reasonable time.
    """
    import networkx as nx

    from edgeopt.measured.places import gabriel_links

    if len(area.names) > MOST_STATIONS:
        problem = f"{len(area.names)} stations are more than {MOST_STATIONS}"
        raise UsageError(f"{problem}; choose a smaller area (--area SOUTH WEST NORTH EAST)")
    network: nx.Graph[str] = nx.Graph()
    network.add_nodes_from(area.names)
    for u, v in gabriel_links(area.stations):
        km = float(np.linalg.norm(area.stations[u] - area.stations[v])) / 1000
        latency = float(f"{HOP_S + DETOUR * km / KM_PER_S:.3g}")
        network.add_edge(area.names[u], area.names[v], latency_s=latency, bandwidth_bps=float(rng.choice(LINK_BPS)))
    return network

"""Instances of `pulling` over drawn or real networks, and over any library; all figures that are ours are named."""

from __future__ import annotations

from math import asin, ceil, cos, radians, sin, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from edgeopt.errors import Finding, InputError, UsageError, suggestion
from edgeopt.library import Model, ModelLibrary
from edgeopt.library_generator import generate_library
from edgeopt.pulling.instance import PullingInstance

if TYPE_CHECKING:
    import networkx as nx

Graph = Literal["waxman", "barabasi-albert", "watts-strogatz", "star"]
Compute = Literal["unlimited", "limited"]

CLOUD = "cloud"
MODELS_PER_TASK = 6
KM_PER_S = 200_000.0  # light in fibre
REGION_KM = 200.0  # side of the square of drawn networks
DETOUR = 1.3  # cables are longer than the great circle; our choice
LINK_BPS = (2e8, 5e8, 1e9)
ZOO_LINK_BPS = 1e10  # where a GraphML file gives no LinkSpeedRaw
CLOUD_BPS, CLOUD_LATENCY_S = 1e9, 0.03
# Effective operations per second, chosen by us: edge accelerators of two sizes, and a data-centre accelerator.
SMALL_EDGE, LARGE_EDGE = (5e12, 1e13, 2e13), (6e13, 9e13, 1.2e14)
CLOUD_TO_EDGE = 5.0
LARGE_MODEL_FLOPS = 5e11
LIMITED_SHARE = 0.5  # of the work of all requests that all cloudlets with limits could do together


def generate(
    sharing: str = "freeze-depth",
    models: int = 48,
    cloudlets: int = 30,
    requests: int = 500,
    seed: int = 0,
    library: ModelLibrary | None = None,
    *,
    graph: Graph = "waxman",
    topology: str | Path | None = None,
    compute: Compute = "unlimited",
    memory_fraction: float = 0.15,
    classes: int | None = None,
    mean_count: float = 20.0,
    name: str | None = None,
) -> PullingInstance:
    """Draw an instance.

    Parameters
    ----------
    sharing, models
        The library to draw, see `edgeopt.library_generator.generate_library`; without effect when `library` is given.
    cloudlets, requests : int
    seed : int
        Same arguments and seed, same instance.
    library : ModelLibrary, optional
        Use this library. Where its models have no tasks or accuracies, requests name their admissible models.
    graph : str
        Kind of the drawn network.
    topology : path, optional
        GraphML file, as of the Internet Topology Zoo, used instead of a drawn network. Cloudlets stand at the nodes of
        highest degree; latencies follow from coordinates, bandwidths from ``LinkSpeedRaw`` where given.
    compute : ``"unlimited"`` or ``"limited"``
        Whether cloudlets have compute limits.
    memory_fraction : float
        Memory of a cloudlet as a part of the library's size, on average; at least the smallest model fits.
    classes : int, optional
        Draw only so many different requests, each repeated.
    mean_count : float
        Mean of the requests' ``count``; 1 or more.
    name : str, optional

    Raises
    ------
    UsageError
        A parameter outside its range.
    InputError
        The topology cannot be read.
    """
    _validate(cloudlets, requests, graph, compute, memory_fraction, classes, mean_count)
    rng = np.random.default_rng([seed, 2])  # another stream than the library's
    if library is None:
        library = _with_tasks(generate_library(sharing, models, seed), rng)
        name = name or f"{sharing}-{cloudlets}x{requests}x{models}-seed{seed}"
    _validate_library(library)
    network = _read_topology(topology) if topology is not None else _draw_network(graph, cloudlets, rng)
    sites = _cloudlet_nodes(network, cloudlets)
    limits = _request_list(library, list(network), requests, classes, mean_count, rng)
    data: dict[str, Any] = {
        "name": name or f"{library.name}-{cloudlets}x{requests}-seed{seed}",
        "library": library,
        "cloud": {"name": CLOUD, "speed_flops_per_s": CLOUD_TO_EDGE * max(_speeds(library))},
        "cloudlets": _cloudlets(library, sites, memory_fraction, rng),
        "links": _links(network),
        "requests": limits,
    }
    if compute == "limited":
        _limit_compute(data, library, rng)
    return PullingInstance.from_dict(data)


def _with_tasks(library: ModelLibrary, rng: np.random.Generator) -> ModelLibrary:
    """Give the models of a drawn library tasks, a handful of models for each."""
    tasks = max(1, ceil(len(library.models) / MODELS_PER_TASK))
    task = rng.permutation(np.arange(len(library.models)) % tasks)
    models = {
        name: Model(**{**model.to_dict(), "task": f"task{task[index] + 1}"})
        for index, (name, model) in enumerate(library.models.items())
    }
    return ModelLibrary(name=library.name, blocks=library.blocks, models=models)


def _draw_network(graph: Graph, cloudlets: int, rng: np.random.Generator) -> nx.Graph[str]:
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


def _read_topology(path: str | Path) -> nx.Graph[str]:
    """Read a GraphML file; parallel edges count once, nodes without coordinates get the median latency."""
    import networkx as nx

    try:
        raw = nx.read_graphml(path)
    except FileNotFoundError:
        raise InputError(Finding("$", "there is no such file"), path) from None
    except Exception as error:  # the XML parser, networkx and numpy raise errors of many kinds
        raise InputError(Finding("$", f"this is not a GraphML file that can be read: {error}"), path) from None
    label = {node: f"{facts.get('label', node)}" for node, facts in raw.nodes(data=True)}
    seen: dict[str, int] = {}
    for node, text in label.items():
        seen[text] = seen.get(text, 0) + 1
        label[node] = text if seen[text] == 1 and text != CLOUD else f"{text} ({node})"
    network: nx.Graph[str] = nx.Graph()
    network.add_nodes_from(label[node] for node in raw)
    for u, v, facts in raw.edges(data=True):
        if u != v:
            speed = float(facts.get("LinkSpeedRaw") or 0.0)
            latency = _latency(raw.nodes[u], raw.nodes[v])
            network.add_edge(label[u], label[v], latency_s=latency, bandwidth_bps=speed if speed > 0 else ZOO_LINK_BPS)
    known = [facts["latency_s"] for _, _, facts in network.edges(data=True) if facts["latency_s"] is not None]
    middle = float(f"{np.median(known):.3g}") if known else 0.002
    for _, _, facts in network.edges(data=True):
        facts["latency_s"] = middle if facts["latency_s"] is None else facts["latency_s"]
    return network


def _latency(first: dict[str, Any], second: dict[str, Any]) -> float | None:
    """Seconds along the great circle with detours; None without coordinates."""
    keys = ("Latitude", "Longitude")
    if any(key not in node for node in (first, second) for key in keys):
        return None
    (a, b), (c, d) = ((radians(float(node[key])) for key in keys) for node in (first, second))
    half = sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2
    return float(f"{DETOUR * 2 * 6371.0 * asin(sqrt(min(1.0, half))) / KM_PER_S:.3g}")


def _cloudlet_nodes(network: nx.Graph[str], count: int) -> list[str]:
    if count > len(network):
        raise UsageError(f"the topology has {len(network)} nodes, too few for {count} cloudlets")
    return sorted(network, key=lambda node: (-network.degree(node), node))[:count]


def _links(network: nx.Graph[str]) -> list[dict[str, Any]]:
    """The network's links, and one from the cloud to the node of highest degree."""
    gateway = _cloudlet_nodes(network, 1)[0]
    links = [{"between": [u, v], **facts} for u, v, facts in network.edges(data=True)]
    return [*links, {"between": [CLOUD, gateway], "bandwidth_bps": CLOUD_BPS, "latency_s": CLOUD_LATENCY_S}]


def _speeds(library: ModelLibrary) -> tuple[float, ...]:
    flops = [model.flops_per_sample or 0.0 for model in library.models.values()]
    return LARGE_EDGE if np.median(flops) > LARGE_MODEL_FLOPS else SMALL_EDGE


def _cloudlets(
    library: ModelLibrary, sites: list[str], memory_fraction: float, rng: np.random.Generator
) -> dict[str, Any]:
    size = library.union_bytes(library.models)
    least = min(library.size_bytes(model) for model in library.models)
    spread = rng.uniform(0.5, 1.5, len(sites))
    speeds = rng.choice(_speeds(library), len(sites))
    return {
        site: {
            "memory_bytes": max(least, int(memory_fraction * size * spread[index])),
            "speed_flops_per_s": float(speeds[index]),
        }
        for index, site in enumerate(sites)
    }


def _request_list(
    library: ModelLibrary, nodes: list[str], requests: int, classes: int | None, mean_count: float,
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """Draw requests: Zipf popular tasks, inputs of 0.4 to 2 Mbit a sample, counts with a geometric distribution."""
    by_task: dict[str, list[str]] = {}
    for name, model in library.models.items():
        by_task.setdefault(model.task or "", []).append(name)
    tasks = list(by_task)
    weight = (1.0 + rng.permutation(len(tasks))) ** -0.8
    kinds = []
    for _ in range(min(requests, classes or requests)):
        task = tasks[int(rng.choice(len(tasks), p=weight / weight.sum()))]
        samples = int(rng.integers(1, 11))
        bits = samples * float(f"{rng.uniform(0.4e6, 2e6):.3g}")
        kind = {"node": nodes[int(rng.integers(len(nodes)))], "input_bits": bits, "samples": samples}
        known = [library.models[name].accuracy for name in by_task[task]]
        accuracies = sorted(accuracy for accuracy in known if accuracy is not None)
        if task and len(accuracies) == len(known):
            least = accuracies[int(rng.integers(max(1, len(accuracies) - 1)))]
            kind |= {"task": task, "min_accuracy": least}
        else:
            count = min(len(by_task[task]), int(rng.integers(1, MODELS_PER_TASK + 1)))
            kind["models"] = sorted(str(model) for model in rng.choice(by_task[task], count, replace=False))
        kinds.append({**kind, "count": int(rng.geometric(1 / mean_count))})
    width = len(str(requests))
    chosen = list(range(len(kinds))) if len(kinds) == requests else rng.integers(0, len(kinds), requests).tolist()
    return {f"r{index + 1:0{width}d}": kinds[kind] for index, kind in enumerate(chosen)}


def _limit_compute(data: dict[str, Any], library: ModelLibrary, rng: np.random.Generator) -> None:
    """Give each cloudlet a compute limit, so that together they can do about half of the work."""
    mean = float(np.mean([model.flops_per_sample or 0.0 for model in library.models.values()]))
    total = sum(request["samples"] * request["count"] for request in data["requests"].values()) * mean
    share = rng.uniform(0.5, 1.5, len(data["cloudlets"]))
    for part, cloudlet in zip(share / share.sum(), data["cloudlets"].values(), strict=True):
        cloudlet["compute_flops"] = float(f"{LIMITED_SHARE * total * part:.4g}")


def _validate(
    cloudlets: int, requests: int, graph: str, compute: str, memory_fraction: float, classes: int | None,
    mean_count: float,
) -> None:  # fmt: skip
    for key, value, known in (("graph", graph, Graph), ("compute", compute, Compute)):
        if value not in get_args(known):
            raise UsageError(f"there is no {key} {value!r}; {suggestion(value, list(get_args(known)))}")
    if cloudlets < 1 or requests < 1 or (classes is not None and classes < 1):
        raise UsageError("cloudlets, requests and classes are at least 1")
    if not 0 < memory_fraction <= 10:
        raise UsageError(f"memory_fraction lies above 0 and at most at 10, not {memory_fraction:g}")
    if not 1 <= mean_count <= 1e9:
        raise UsageError(f"mean_count is at least 1, not {mean_count:g}")


def _validate_library(library: ModelLibrary) -> None:
    if not library.models:
        raise UsageError(f"the library {library.name!r} has no models")
    for model_name, model in library.models.items():
        if model.flops_per_sample is None:
            key = "flops_per_sample"
            raise UsageError(f"the model {model_name!r} of the library {library.name!r} lacks the key {key!r}")

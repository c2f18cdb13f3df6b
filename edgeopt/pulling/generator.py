"""Instances of `pulling` over drawn or real networks and loads, and over any library."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from edgeopt.errors import UsageError, suggestion
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.measured.places import require_stations
from edgeopt.measured.traces import require_trace
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.networks import CLOUD, Graph, draw_network, link_stations, read_topology

if TYPE_CHECKING:
    import networkx as nx

    from edgeopt.measured.places import Area, Bounds

Compute = Literal["unlimited", "limited"]

MODELS_PER_TASK = 6
CLOUD_BPS, CLOUD_LATENCY_S = 1e9, 0.03
# Effective operations per second, chosen by us: edge accelerators of two sizes, and a data-centre accelerator.
SMALL_EDGE, LARGE_EDGE = (5e12, 1e13, 2e13), (6e13, 9e13, 1.2e14)
CLOUD_TO_EDGE = 5.0
MEAN_COUNT = 20.0
# Our choices for traces: a token of text has 4 bytes, and a sample of the shipped language models has 128 + 13 tokens.
BITS_PER_TOKEN = 32.0
TOKENS_PER_SAMPLE = 141
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
    stations: str | None = None,
    user_positions: str | Path | None = None,
    area: Bounds | None = None,
    trace: str | None = None,
    window_s: tuple[float, float] | None = None,
    bits_per_token: float | None = None,
    tokens_per_sample: int | None = None,
    compute: Compute = "unlimited",
    cloud_to_edge: float = CLOUD_TO_EDGE,
    memory_fraction: float = 0.15,
    classes: int | None = None,
    mean_count: float | None = None,
    name: str | None = None,
) -> PullingInstance:
    """Draw an instance.

    Parameters
    ----------
    sharing, models
        The library to draw, see `edgeopt.libraries.generator.generate_library`; without effect when `library` is given.
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
    stations : str, optional
        CSV file of base stations, or ``"melbourne"`` to draw some, see `edgeopt.measured.places`: the network is their
        Gabriel graph. Cloudlets stand at the stations of highest degree, requests come from all stations.
    user_positions : path, optional
        CSV file of users beside the stations: a request comes from the station nearest to a user drawn at random.
    area : (south, west, north, east), optional
        Leave out stations and users beyond these degrees.
    trace : str, optional
        CSV file of requests to language models, or ``"azure-code"`` or ``"azure-conversation"`` to draw one, see
        `edgeopt.measured.traces`. Of the requests in the window, `requests` are drawn evenly without replacement, and
        their counts add up to all of the window. A request sends its context; its samples are context and answer
        together over `tokens_per_sample`, rounded up.
    window_s : (start, length), optional
        Seconds of the trace; default all of it.
    bits_per_token : float, optional
        Of the context; 32 when not given.
    tokens_per_sample : int, optional
        Tokens of which the library's ``flops_per_sample`` speaks; 141 when not given.
    compute : ``"unlimited"`` or ``"limited"``
        Whether cloudlets have compute limits.
    cloud_to_edge : float
        Speed of the cloud, as a multiple of the fastest kind of cloudlet.
    memory_fraction : float
        Memory of a cloudlet as a part of the library's size, on average; at least the smallest model fits.
    classes : int, optional
        Draw only so many different requests, each repeated.
    mean_count : float, optional
        Mean of the requests' ``count``; 1 or more, 20 when not given. With a trace the counts follow from it.
    name : str, optional

    Raises
    ------
    UsageError
        A parameter outside its range.
    InputError
        The topology, the stations, the users or the trace cannot be read.
    """
    _validate(cloudlets, requests, graph, compute, memory_fraction, classes, mean_count)
    _validate_measured(topology, stations, user_positions, area, trace, classes, mean_count)
    require_trace(trace, window_s, bits_per_token=bits_per_token, tokens_per_sample=tokens_per_sample)
    bits_per_token = BITS_PER_TOKEN if bits_per_token is None else bits_per_token
    tokens_per_sample = TOKENS_PER_SAMPLE if tokens_per_sample is None else tokens_per_sample
    _validate_positive(bits_per_token=bits_per_token, tokens_per_sample=tokens_per_sample, cloud_to_edge=cloud_to_edge)
    rng = np.random.default_rng([seed, 2])  # another stream than the library's
    if library is None:
        library = _with_tasks(generate_library(sharing, models, seed), rng)
        name = name or f"{sharing}-{cloudlets}x{requests}x{models}-seed{seed}"
    _validate_library(library)
    if stations is not None:
        network, origins = _station_network(stations, user_positions, area, np.random.default_rng([seed, 4]))
    else:
        network = read_topology(topology) if topology is not None else draw_network(graph, cloudlets, rng)
        origins = list(network)
    sites = _cloudlet_nodes(network, cloudlets)
    load = None
    if trace is not None:
        load = _trace_load(
            trace, requests, window_s, bits_per_token, tokens_per_sample, np.random.default_rng([seed, 5])
        )
    wanted = _request_list(library, origins, requests, classes, mean_count or MEAN_COUNT, load, rng)
    data: dict[str, Any] = {
        "name": name or f"{library.name}-{cloudlets}x{requests}-seed{seed}",
        "library": library,
        "cloud": {"name": CLOUD, "speed_flops_per_s": cloud_to_edge * max(_speeds(library))},
        "cloudlets": _cloudlets(library, sites, memory_fraction, rng),
        "links": _links(network),
        "requests": wanted,
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


def _station_network(
    stations: str, users: str | Path | None, bounds: Bounds | None, rng: np.random.Generator
) -> tuple[nx.Graph[str], list[str]]:
    """Return the network, and the origins of requests: the nearest station of each user, or each station once."""
    from edgeopt.measured.places import area_of

    area: Area = area_of(stations, users, bounds, rng)
    origins = list(area.names) if area.users is None else [area.names[index] for index in area.nearest()[0]]
    return link_stations(area, rng), origins


def _trace_load(
    source: str, requests: int, window_s: tuple[float, float] | None, bits_per_token: float, tokens_per_sample: int,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:  # fmt: skip
    """Input, samples and count of each request."""
    from edgeopt.measured.traces import trace_of

    trace = trace_of(source, rng)
    drawn, counts = (trace if window_s is None else trace.window(*window_s)).sample(requests, rng)
    samples = np.maximum(1, -(-(drawn.context_tokens + drawn.generated_tokens) // tokens_per_sample))
    keys = ("input_bits", "samples", "count")
    bits = bits_per_token * drawn.context_tokens
    columns = (bits.tolist(), samples.tolist(), counts.tolist())
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _cloudlet_nodes(network: nx.Graph[str], count: int) -> list[str]:
    if count > len(network):
        raise UsageError(f"the network has {len(network)} nodes, too few for {count} cloudlets")
    return sorted(network, key=lambda node: (-network.degree(node), node))[:count]


def _links(network: nx.Graph[str]) -> list[dict[str, Any]]:
    """The network's links, and one from the cloud to the node of highest degree."""
    gateway = _cloudlet_nodes(network, 1)[0]
    links = [{"between": [u, v], **attributes} for u, v, attributes in network.edges(data=True)]
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
    library: ModelLibrary, origins: list[str], requests: int, classes: int | None, mean_count: float,
    load: list[dict[str, Any]] | None, rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """Draw requests of Zipf popular tasks, with a drawn load where none is given."""
    by_task: dict[str, list[str]] = {}
    for name, model in library.models.items():
        by_task.setdefault(model.task or "", []).append(name)
    tasks = list(by_task)
    weight = (1.0 + rng.permutation(len(tasks))) ** -0.8
    kinds = []
    for index in range(min(requests, classes or requests)):
        task = tasks[int(rng.choice(len(tasks), p=weight / weight.sum()))]
        effort = _drawn_effort(rng) if load is None else load[index]
        kind = {"node": origins[int(rng.integers(len(origins)))], **effort}
        known = [library.models[name].accuracy for name in by_task[task]]
        accuracies = sorted(accuracy for accuracy in known if accuracy is not None)
        if task and len(accuracies) == len(known):
            least = accuracies[int(rng.integers(max(1, len(accuracies) - 1)))]
            kind |= {"task": task, "min_accuracy": least}
        else:
            count = min(len(by_task[task]), int(rng.integers(1, MODELS_PER_TASK + 1)))
            kind["models"] = sorted(str(model) for model in rng.choice(by_task[task], count, replace=False))
        kinds.append(kind if load is not None else {**kind, "count": int(rng.geometric(1 / mean_count))})
    width = len(str(requests))
    chosen = list(range(len(kinds))) if len(kinds) == requests else rng.integers(0, len(kinds), requests).tolist()
    return {f"r{index + 1:0{width}d}": kinds[kind] for index, kind in enumerate(chosen)}


def _drawn_effort(rng: np.random.Generator) -> dict[str, Any]:
    """Draw 1 to 10 samples of 0.4 to 2 Mbit each."""
    samples = int(rng.integers(1, 11))
    return {"input_bits": samples * float(f"{rng.uniform(0.4e6, 2e6):.3g}"), "samples": samples}


def _limit_compute(data: dict[str, Any], library: ModelLibrary, rng: np.random.Generator) -> None:
    """Give each cloudlet a compute limit, so that together they can do about half of the work."""
    mean = float(np.mean([model.flops_per_sample or 0.0 for model in library.models.values()]))
    total = sum(request["samples"] * request["count"] for request in data["requests"].values()) * mean
    share = rng.uniform(0.5, 1.5, len(data["cloudlets"]))
    for part, cloudlet in zip(share / share.sum(), data["cloudlets"].values(), strict=True):
        cloudlet["compute_flops"] = float(f"{LIMITED_SHARE * total * part:.4g}")


def _validate(
    cloudlets: int, requests: int, graph: str, compute: str, memory_fraction: float, classes: int | None,
    mean_count: float | None,
) -> None:  # fmt: skip
    for key, value, known in (("graph", graph, Graph), ("compute", compute, Compute)):
        if value not in get_args(known):
            raise UsageError(f"there is no {key} {value!r}; {suggestion(value, list(get_args(known)))}")
    if cloudlets < 1 or requests < 1 or (classes is not None and classes < 1):
        raise UsageError("cloudlets, requests and classes are at least 1")
    if not 0 < memory_fraction <= 10:
        raise UsageError(f"memory_fraction lies above 0 and at most at 10, not {memory_fraction:g}")
    if mean_count is not None and not 1 <= mean_count <= 1e9:
        raise UsageError(f"mean_count is at least 1, not {mean_count:g}")


def _validate_measured(
    topology: str | Path | None, stations: str | None, user_positions: str | Path | None, area: Bounds | None,
    trace: str | None, classes: int | None, mean_count: float | None,
) -> None:  # fmt: skip
    if topology is not None and stations is not None:
        raise UsageError("a topology and stations are two networks; give one of them")
    require_stations(stations, user_positions, area)
    if trace is not None and (classes is not None or mean_count is not None):
        raise UsageError("the requests and their counts follow from the trace: give neither classes nor mean_count")


def _validate_positive(**values: float) -> None:
    for key, value in values.items():
        if not 0 < value < float("inf"):
            raise UsageError(f"{key} is above 0, not {value:g}")


def _validate_library(library: ModelLibrary) -> None:
    if not library.models:
        raise UsageError(f"the library {library.name!r} has no models")
    for model_name, model in library.models.items():
        if model.flops_per_sample is None:
            key = "flops_per_sample"
            raise UsageError(f"the model {model_name!r} of the library {library.name!r} lacks the key {key!r}")

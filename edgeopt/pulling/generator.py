"""Instances of `pulling` over drawn or real networks and loads, and over any library."""

from __future__ import annotations

from dataclasses import KW_ONLY, fields
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from edgeopt.errors import ArgumentError, Finding, UsageError
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.pulling.holders import fill, nearest_sites
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.networks import CLOUD, Graph, draw_network, link_stations, read_topology
from edgeopt.pulling.tpds2025.setting import Setting, draw
from edgeopt.recipes.common import Library, Models, Seed, Share, Sharing, StationsRecipe, TraceRecipe, require_keys
from edgeopt.recipes.recipe import Argument, generator, recipe
from edgeopt.record import Count, Positive

if TYPE_CHECKING:
    import networkx as nx

Compute = Literal["unlimited", "limited"]
Sources = Literal["cloud", "peers", "any"]
Waiting = Literal["once", "parallel", "serial"]

OF_SETTING = (
    "models",
    "cloudlets",
    "requests",
    "seed",
    "setting",
    "service_types",
    "copies",
    "stations",
    "user_positions",
    "area",
)
MODELS_PER_TASK = 6
CLOUD_BPS, CLOUD_LATENCY_S = 1e9, 0.03
# Effective operations per second, chosen by us: edge accelerators of two sizes, and a data-centre accelerator.
SMALL_EDGE, LARGE_EDGE = (5e12, 1e13, 2e13), (6e13, 9e13, 1.2e14)
CLOUD_TO_EDGE = 5.0
MEAN_COUNT = 20.0
TOKENS_PER_SAMPLE = 141  # our choice: a sample of the shipped language models has 128 + 13
LARGE_MODEL_FLOPS = 5e11
LIMITED_SHARE = 0.5  # of the work of all requests that all cloudlets with limits could do together


@recipe
class PullingRecipe(StationsRecipe, TraceRecipe):
    """How an instance of `pulling` is drawn."""

    sharing: Sharing = "freeze-depth"
    models: Models = 48
    cloudlets: Annotated[Count, Argument("Cloudlets.")] = 30
    requests: Annotated[Count, Argument("Requests.")] = 500
    seed: Seed = 0
    library: Library = None
    _: KW_ONLY
    graph: Annotated[Graph, Argument("Drawn network: waxman, barabasi-albert, watts-strogatz or star.")] = "waxman"
    topology: Annotated[
        str | Path | None, Argument("GraphML file of a network, instead of drawing one.", "F", file=True)
    ] = None
    tokens_per_sample: Annotated[
        Count | None, Argument("With a trace: tokens in a sample of the library's models; default: 141.", needs="trace")
    ] = None
    compute: Annotated[Compute, Argument("Compute of the cloudlets: unlimited or limited.")] = "unlimited"
    cloud_to_edge: Annotated[Positive, Argument("Speed of the cloud, over that of the fastest cloudlet.")] = (
        CLOUD_TO_EDGE
    )
    memory_fraction: Annotated[
        float, Field(gt=0, le=10), Argument("Memory of a cloudlet, as a part of the library.")
    ] = 0.15
    classes: Annotated[Count | None, Argument("Draw only so many different requests.")] = None
    mean_count: Annotated[
        Annotated[float, Field(ge=1, le=1e9)] | None,
        Argument("Mean count of a request; default: 20, or by the trace."),
    ] = None

    sources: Annotated[
        Sources, Argument("Who sends blocks: the cloud, peers (cloudlets where they are resident), or any of them.")
    ] = "cloud"
    waiting: Annotated[
        Waiting, Argument("Pulling is paid once a site, or each request waits for it: parallel or serial pulls.")
    ] = "once"
    resident_fraction: Annotated[
        Share | None, Argument("Fill this part of each cloudlet's memory with models that are resident.")
    ] = None
    near_sites: Annotated[
        Count | None, Argument("Only so many cloudlets nearest to a request may serve it, and not the cloud.")
    ] = None
    setting: Annotated[
        Literal["tpds2025"] | None,
        Argument("Draw the setting of a paper's code instead: tpds2025, of Chasing Common Knowledge."),
    ] = None
    service_types: Annotated[
        Count | None, Argument("Types whose models share parts; default: one for ten models.", needs="setting")
    ] = None
    copies: Annotated[
        Count | None, Argument("A model is at most at so many cloudlets; default: one in twenty.", needs="setting")
    ] = None

    def check(self) -> None:
        super().check()
        if self.setting is not None:
            known = [*OF_SETTING, "name"]
            own = [field.name for field in fields(self) if field.name not in known]
            given = [name for name in own if getattr(self, name) != type(self).__dataclass_fields__[name].default]
            if given:
                remedy = f"leave it out; it takes {', '.join(OF_SETTING)}"
                raise ArgumentError([Finding(name, "the setting draws this itself", remedy) for name in given])
        if self.topology is not None and self.stations is not None:
            raise UsageError("a topology and stations are two networks; give one of them")
        if self.trace is not None and (self.classes is not None or self.mean_count is not None):
            raise UsageError("the requests and their counts follow from the trace: give neither classes nor mean_count")

    def draw(self) -> PullingInstance:
        """Draw an instance of `pulling`: requests in a network of cloudlets, and models in the cloud.

        The library to draw is that of `edgeopt.libraries.generator.generate_library`; a library that is given stands
        in its stead. Where its models have no tasks or accuracies, requests name their admissible models. The memory
        of a cloudlet is `memory_fraction` of the library's size on average; at least the smallest model fits.

        Cloudlets stand at the nodes of highest degree. A network is drawn, or read as those of the Internet Topology
        Zoo: latencies follow from coordinates, bandwidths from ``LinkSpeedRaw`` where given. With stations, see
        `edgeopt.measured.places`, it is their Gabriel graph, and requests come from all stations, or from the station
        nearest to a user drawn at random.

        Of the requests of a trace in the window, see `edgeopt.measured.traces`, `requests` are drawn evenly without
        replacement, and their counts add up to all of the window. A request sends its context; its samples are context
        and answer together over `tokens_per_sample`, rounded up.

        The setting ``"tpds2025"`` is that of the authors' code of "Chasing Common Knowledge", see
        `edgeopt.pulling.tpds2025`; of stations, the first are the cloudlets.
        """
        if self.setting is not None:
            return self._draw_setting()
        rng = np.random.default_rng([self.seed, 2])  # another stream than the library's
        library, name = self.library, self.name
        size = f"{self.cloudlets}x{self.requests}"
        if library is None:
            library = _with_tasks(generate_library(self.sharing, self.models, self.seed), rng)
            name = name or f"{self.sharing}-{size}x{self.models}-seed{self.seed}"
        require_keys(library, ["flops_per_sample"])
        network, origins = self._network(rng)
        sites = _cloudlet_nodes(network, self.cloudlets)
        wanted = self._requests(library, origins, self._trace_load(), rng)
        data: dict[str, Any] = {
            "name": name or f"{library.name}-{size}-seed{self.seed}",
            "library": library,
            "cloud": {"name": CLOUD, "speed_flops_per_s": self.cloud_to_edge * max(_speeds(library))},
            "cloudlets": _cloudlets(library, sites, self.memory_fraction, rng),
            "links": _links(network),
            "requests": wanted,
        }
        if self.compute == "limited":
            _limit_compute(data, library, rng)
        if self.resident_fraction is not None:
            fill(data["cloudlets"], library, self.resident_fraction, np.random.default_rng([self.seed, 6]))
        if self.near_sites is not None:
            near = {node: nearest_sites(network, sites, node, self.near_sites) for node in set(origins)}
            wanted = {request: {**entry, "sites": near[entry["node"]]} for request, entry in wanted.items()}
        data |= {"requests": wanted, "sources": self.sources, "waiting": self.waiting}
        return PullingInstance.from_dict(data)

    def _draw_setting(self) -> PullingInstance:
        setting = Setting(self.requests, self.models, self.cloudlets, self.service_types, self.copies)
        area = None if self.stations is None else self.measured_area(np.random.default_rng([self.seed, 4]))
        size = f"{self.cloudlets}x{self.requests}x{self.models}"
        return draw(setting, self.seed, area).instance(self.name or f"{self.setting}-{size}-seed{self.seed}")

    def _network(self, rng: np.random.Generator) -> tuple[nx.Graph[str], list[str]]:
        """Return the network, and the origins of requests: its nodes, or the nearest station of each user."""
        if self.stations is None:
            if self.topology is not None:
                network = read_topology(self.topology)
            else:
                network = draw_network(self.graph, self.cloudlets, rng)
            return network, list(network)
        own = np.random.default_rng([self.seed, 4])
        area = self.measured_area(own)
        origins = list(area.names) if area.users is None else [area.names[index] for index in area.nearest()[0]]
        return link_stations(area, own), origins

    def _trace_load(self) -> list[dict[str, Any]] | None:
        """Draw input, samples and count of each request from the trace, if there is one."""
        if self.trace is None:
            return None
        own = np.random.default_rng([self.seed, 5])
        drawn, counts = self.traced_requests(self.requests, own)
        tokens = drawn.context_tokens + drawn.generated_tokens
        samples = np.maximum(1, -(-tokens // (self.tokens_per_sample or TOKENS_PER_SAMPLE)))
        columns = (self.bits(drawn.context_tokens).tolist(), samples.tolist(), counts.tolist())
        return [dict(zip(("input_bits", "samples", "count"), row, strict=True)) for row in zip(*columns, strict=True)]

    def _requests(
        self, library: ModelLibrary, origins: list[str], load: list[dict[str, Any]] | None, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Draw requests of Zipf popular tasks, with a drawn load where none is given."""
        by_task: dict[str, list[str]] = {}
        for name, model in library.models.items():
            by_task.setdefault(model.task or "", []).append(name)
        tasks, mean_count = list(by_task), self.mean_count or MEAN_COUNT
        weight = (1.0 + rng.permutation(len(tasks))) ** -0.8
        kinds = []
        for index in range(min(self.requests, self.classes or self.requests)):
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
        width = len(str(self.requests))
        chosen = range(len(kinds))
        if len(kinds) < self.requests:
            chosen = rng.integers(0, len(kinds), self.requests).tolist()
        return {f"r{index + 1:0{width}d}": kinds[kind] for index, kind in enumerate(chosen)}


generate = generator(PullingRecipe)


def _with_tasks(library: ModelLibrary, rng: np.random.Generator) -> ModelLibrary:
    """Give the models of a drawn library tasks, a handful of models for each."""
    tasks = max(1, ceil(len(library.models) / MODELS_PER_TASK))
    task = rng.permutation(np.arange(len(library.models)) % tasks)
    models = {
        name: Model(**{**model.to_dict(), "task": f"task{task[index] + 1}"})
        for index, (name, model) in enumerate(library.models.items())
    }
    return library.replace(models=models)


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

"""Instances of `pulling`: requests in a network of cloudlets, and the models that the cloud holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from edgeopt.errors import Finding, suggestion
from edgeopt.files import format_json, write_text
from edgeopt.frozen import DictOf, FrozenDict, ListOf
from edgeopt.instance import Instance, require_model_keys
from edgeopt.libraries.library import Name
from edgeopt.pulling.csv_files import format_links, format_requests, read_links, read_requests
from edgeopt.quantities import quantity
from edgeopt.record import (
    MAP,
    MAP_OR_NOT,
    NO_MAP,
    Bytes,
    Count,
    NonNegative,
    Positive,
    Probability,
    Record,
    Whole,
)

SOURCES = {
    "cloud": "the cloud sends blocks",
    "peers": "the cloudlets where they are resident send blocks",
    "any": "the cloud, and the cloudlets where they are resident, send blocks",
}
WAITING = {
    "once": "a block's pulling is paid once a site",
    "parallel": "each request waits for the last block of its model",
    "serial": "each request waits for all blocks of its model, one after another",
}


class Cloud(Record):
    """The place that holds every model and has no limits.

    Attributes
    ----------
    name : str
    speed_flops_per_s : float
    queue_s : float, optional
        Seconds that each request waits there before it is computed.
    """

    name: Name
    speed_flops_per_s: Positive
    queue_s: NonNegative | None = None


class Cloudlet(Record):
    """A small server near the users.

    Attributes
    ----------
    memory_bytes : int
        C_v, for the blocks it holds.
    speed_flops_per_s : float
    compute_flops : float, optional
        F_v, operations it can spend on all requests together; unlimited when not given.
    resident : list of str, optional
        Blocks that are there already: they take memory, cost no pulling, and can be sent to other cloudlets where the
        instance's `sources` say so.
    pull_delay_s : float or dict of str to float, optional
        Seconds to pull one block (any block, or each named one), instead of the delay of the route from a sender.
    queue_s : float, optional
        Seconds that each request waits there before it is computed.
    """

    memory_bytes: Bytes
    speed_flops_per_s: Positive
    compute_flops: NonNegative | None = None
    resident: ListOf[Name] | None = None
    pull_delay_s: (
        Annotated[Annotated[DictOf[Name, NonNegative], MAP] | Annotated[NonNegative, NO_MAP], MAP_OR_NOT] | None
    ) = None
    queue_s: NonNegative | None = None


class Link(Record):
    """An undirected link.

    Attributes
    ----------
    between : list of two str
    bandwidth_bps : float
    latency_s : float
    """

    between: Annotated[ListOf[Name], Field(min_length=2, max_length=2)]
    bandwidth_bps: Positive
    latency_s: NonNegative


class Offer(Record):
    """A model as one request may have it.

    Attributes
    ----------
    accuracy : float, optional
        Instead of the library's.
    delay_s : float
        Seconds that the request takes with it at any site, beside sending, computing and pulling.
    cost : float, optional
        In any one currency; compared with the request's `max_cost`, reported and never optimised.
    """

    accuracy: Probability | None = None
    delay_s: NonNegative = 0.0
    cost: NonNegative | None = None


class Request(Record):
    """A request, or several equal ones that are served all together.

    Attributes
    ----------
    node : str
        Where it enters the network.
    task : str, optional
        What the model must be for.
    min_accuracy : float, optional
        Least accuracy of the model.
    models : list of str or dict of str to Offer, optional
        The admissible models, instead of those of the task that are accurate enough. Of a dict, they are those of at
        least `min_accuracy` and at most `max_cost`.
    max_cost : float, optional
        Most that the offer of the model may cost.
    sites : list of str, optional
        The only sites that may serve the request; all that it reaches when not given.
    input_bits : float
        Size of the input that is sent to the site.
    samples : int
        Inferences.
    count : int
        How many requests like this one.
    """

    node: Name
    task: Name | None = None
    min_accuracy: Probability | None = None
    models: (
        Annotated[
            Annotated[dict[Name, Offer], Field(min_length=1), AfterValidator(FrozenDict), MAP]
            | Annotated[ListOf[Name], Field(min_length=1), NO_MAP],
            MAP_OR_NOT,
        ]
        | None
    ) = None
    max_cost: NonNegative | None = None
    sites: Annotated[ListOf[Name], Field(min_length=1)] | None = None
    input_bits: NonNegative
    samples: Whole
    count: Count = 1

    @property
    def offers(self) -> Mapping[str, Offer]:
        """The models of the request with what it has of each; empty where only names are given."""
        return self.models if isinstance(self.models, dict) else {}


class Prices(Record):
    """Prices, in any one currency; they are reported and never optimised.

    Attributes
    ----------
    per_pulled_byte, per_sent_bit, per_cloud_flop, per_cloudlet_flop, per_delay_s : float
    """

    per_pulled_byte: NonNegative = 0.0
    per_sent_bit: NonNegative = 0.0
    per_cloud_flop: NonNegative = 0.0
    per_cloudlet_flop: NonNegative = 0.0
    per_delay_s: NonNegative = 0.0


class PullingInstance(Instance):
    """A cloud, cloudlets, the links between nodes, and requests.

    Attributes
    ----------
    cloud : Cloud
    cloudlets : dict of str to Cloudlet
    links : list of Link
        Or, in a file, the path of a CSV table.
    requests : dict of str to Request
        Or, in a file, the path of a CSV table.
    routing : str
        ``"shortest"`` or ``"direct"`` (single links only).
    sources : str
        Who sends blocks that are pulled: ``"cloud"``; ``"peers"``, the cloudlets where they are resident; or ``"any"``.
    waiting : str
        ``"once"``: a block's pulling is paid once a site, however many use it. ``"parallel"``, ``"serial"``: each
        request waits until all blocks of its model are pulled, at the same time or one after another.
    prices : Prices, optional
    """

    problem: Literal["pulling"] = "pulling"
    cloud: Cloud
    cloudlets: DictOf[Name, Cloudlet]
    links: ListOf[Link]
    requests: DictOf[Name, Request]
    routing: Literal["shortest", "direct"] = "shortest"
    sources: Literal["cloud", "peers", "any"] = "cloud"
    waiting: Literal["once", "parallel", "serial"] = "once"
    prices: Prices | None = None

    @classmethod
    def from_dict(cls, data: Any, file: str | Path | None = None) -> Self:
        """Check plain data and make the instance; paths of CSV tables are relative to the folder of `file`."""
        if isinstance(data, Mapping):
            folder = Path(file).parent if file is not None else Path()
            for key, reader in (("requests", read_requests), ("links", read_links)):
                if isinstance(data.get(key), str):
                    data = {**data, key: reader(folder / data[key])}
        return super().from_dict(data, file)

    def write(
        self, path: str | Path, library: str | None = None, requests: str | None = None, links: str | None = None
    ) -> None:
        """Write the instance as a file.

        Parameters
        ----------
        path : path
        library : str, optional
            Path of the library's file relative to the instance's folder, written instead of the library itself.
        requests, links : str, optional
            Paths of CSV tables relative to the instance's folder; the tables are written there.
        """
        data, folder = self.to_dict(), Path(path).parent
        if library is not None:
            data["library"] = library
        if requests is not None:
            write_text(folder / requests, format_requests(data["requests"]))
            data["requests"] = requests
        if links is not None:
            write_text(folder / links, format_links(data["links"]))
            data["links"] = links
        write_text(path, format_json(data))

    def findings(self) -> Iterable[Finding]:
        yield from super().findings()
        yield from self._cloudlet_findings()
        for index, link in enumerate(self.links):
            if link.between[0] == link.between[1]:
                yield Finding(f"$.links[{index}].between", "a link joins two different nodes", "remove it")
        yield from self._request_findings()

    def _cloudlet_findings(self) -> Iterable[Finding]:
        blocks = self.library.blocks
        if self.cloud.name in self.cloudlets:
            yield Finding("$.cloud.name", f"{self.cloud.name!r} is also a cloudlet", "give it a name of its own")
        for name, cloudlet in self.cloudlets.items():
            place, resident = f"$.cloudlets.{name}", cloudlet.resident or []
            overrides = cloudlet.pull_delay_s if isinstance(cloudlet.pull_delay_s, dict) else {}
            for key, named in (("resident", resident), ("pull_delay_s", list(overrides))):
                yield from _unknown(f"{place}.{key}", "block", named, blocks, "the library has")
            if len(set(resident)) < len(resident):
                yield Finding(f"{place}.resident", "a block stands twice", "name it once")
            size = sum(blocks.get(block, 0) for block in set(resident))
            if size > cloudlet.memory_bytes:
                problem = f"the resident blocks take {size} bytes, the memory has {cloudlet.memory_bytes}"
                yield Finding(f"{place}.resident", problem, "the resident blocks must fit into the memory")

    def _request_findings(self) -> Iterable[Finding]:
        sites, models = dict.fromkeys([*self.cloudlets, self.cloud.name]), self.library.models
        for name, request in self.requests.items():
            place = f"$.requests.{name}"
            if request.models is None:
                for key in ("task", "min_accuracy"):
                    if getattr(request, key) is None:
                        yield Finding(f"{place}.{key}", f"the key {key!r} is missing", "add it, or name the models")
            yield from _unknown(f"{place}.node", "node", [request.node], self.nodes)
            yield from _unknown(f"{place}.models", "model", request.models or (), models, "the library has")
            yield from _unknown(f"{place}.sites", "site", request.sites or (), sites)
            for key in ("models", "sites"):
                named = getattr(request, key) or ()
                if len(set(named)) < len(named):
                    yield Finding(f"{place}.{key}", f"a {key[:-1]} stands twice", "name it once")
            yield from self._offer_findings(place, request)
        tasks = {request.task for request in self.requests.values() if request.models is None}
        named = {model for request in self.requests.values() for model in request.models or ()}
        for name, entry in models.items():
            needs = {"task": bool(tasks), "accuracy": entry.task in tasks}
            needs["flops_per_sample"] = name in named or entry.task in tasks
            yield from require_model_keys(name, entry, [key for key, needed in needs.items() if needed])

    def _offer_findings(self, place: str, request: Request) -> Iterable[Finding]:
        """Compare the limits of a request with what is known of its models."""
        models = self.library.models
        if request.max_cost is not None and not request.offers:
            yield Finding(f"{place}.max_cost", "nothing says what the models cost", "give `models` as a map with costs")
        for name, offer in request.offers.items():
            if request.max_cost is not None and offer.cost is None:
                yield Finding(f"{place}.models.{name}", "the key 'cost' is missing, which max_cost limits", "add it")
            known = offer.accuracy is not None or name not in models or models[name].accuracy is not None
            if request.min_accuracy is not None and not known:
                problem = "neither the request nor the library gives an accuracy, which min_accuracy limits"
                yield Finding(f"{place}.models.{name}", problem, "add 'accuracy'")

    @cached_property
    def queues(self) -> dict[str, float]:
        """Seconds that each request waits at each site before it is computed; the cloud is last."""
        queues = {name: cloudlet.queue_s or 0.0 for name, cloudlet in self.cloudlets.items()}
        return FrozenDict({**queues, self.cloud.name: self.cloud.queue_s or 0.0})

    @cached_property
    def nodes(self) -> dict[str, None]:
        """Every node: the cloud, the cloudlets, and the ends of the links."""
        ends = (node for link in self.links for node in link.between)
        return FrozenDict(dict.fromkeys([self.cloud.name, *self.cloudlets, *ends]))

    def facts(self) -> dict[str, str]:
        requests = self.requests.values()
        limited = sum(cloudlet.compute_flops is not None for cloudlet in self.cloudlets.values())
        memory = sum(cloudlet.memory_bytes for cloudlet in self.cloudlets.values())
        choices = {(r.task, r.min_accuracy, tuple(r.models or ())) for r in requests}
        return {
            **super().facts(),
            "network": f"{len(self.nodes)} nodes, {len(self.links)} links, {self.routing} routing",
            **self._mode_facts(),
            "cloudlets": f"{len(self.cloudlets)}, {quantity(memory, 'B')} together, {limited} with a compute limit",
            "requests": f"{len(self.requests)} (counts {sum(r.count for r in requests)}) from "
            f"{len({r.node for r in requests})} nodes, {len(choices)} different sets of admissible models",
        }

    def _mode_facts(self) -> dict[str, str]:
        """Say how blocks are pulled, where that is not the default."""
        modes = {}
        if self.sources != "cloud":
            holders = sum(bool(cloudlet.resident) for cloudlet in self.cloudlets.values())
            modes["sources"] = f"{SOURCES[self.sources]}; {holders} cloudlets have resident blocks"
        if self.waiting != "once":
            modes["waiting"] = WAITING[self.waiting]
        return modes


def _unknown(
    place: str, kind: str, named: Iterable[str], known: Mapping[str, Any], where: str = "there is"
) -> Iterable[Finding]:
    """Report names that mean nothing."""
    for name in named:
        if name not in known:
            yield Finding(place, f"{where} no {kind} {name!r}", partial(suggestion, name, list(known)))


INSTANCE_CLASS = PullingInstance

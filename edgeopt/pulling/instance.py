"""Instances of `pulling`: requests in a network of cloudlets, and the models that the cloud holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from edgeopt.errors import Finding, suggestion
from edgeopt.files import format_json, write_text
from edgeopt.frozen import DictOf, FrozenDict, ListOf
from edgeopt.instance import Instance, require_model_keys
from edgeopt.libraries.library import Name
from edgeopt.pulling.csv_files import format_links, format_requests, read_links, read_requests
from edgeopt.quantities import quantity
from edgeopt.record import Bytes, Count, NonNegative, Positive, Probability, Record, Whole


class Cloud(Record):
    """The place that holds every model and has no limits.

    Attributes
    ----------
    name : str
    speed_flops_per_s : float
    """

    name: Name
    speed_flops_per_s: Positive


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
        Blocks that are there already: they take memory and cost no pulling.
    pull_delay_s : float or dict of str to float, optional
        Seconds to pull one block (any block, or each named one), instead of the delay of the route from the cloud.
    """

    memory_bytes: Bytes
    speed_flops_per_s: Positive
    compute_flops: NonNegative | None = None
    resident: ListOf[Name] | None = None
    pull_delay_s: NonNegative | DictOf[Name, NonNegative] | None = None


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
    models : list of str, optional
        The admissible models, instead of those of the task that are accurate enough.
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
    models: Annotated[ListOf[Name], Field(min_length=1)] | None = None
    input_bits: NonNegative
    samples: Whole
    count: Count = 1


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
    prices : Prices, optional
    """

    problem: Literal["pulling"] = "pulling"
    cloud: Cloud
    cloudlets: DictOf[Name, Cloudlet]
    links: ListOf[Link]
    requests: DictOf[Name, Request]
    routing: Literal["shortest", "direct"] = "shortest"
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
                for block in named:
                    if block not in blocks:
                        hint = partial(suggestion, block, list(blocks))
                        yield Finding(f"{place}.{key}", f"the library has no block {block!r}", hint)
            if len(set(resident)) < len(resident):
                yield Finding(f"{place}.resident", "a block stands twice", "name it once")
            size = sum(blocks.get(block, 0) for block in set(resident))
            if size > cloudlet.memory_bytes:
                problem = f"the resident blocks take {size} bytes, the memory has {cloudlet.memory_bytes}"
                yield Finding(f"{place}.resident", problem, "the resident blocks must fit into the memory")

    def _request_findings(self) -> Iterable[Finding]:
        nodes, models = self.nodes, self.library.models
        for name, request in self.requests.items():
            place = f"$.requests.{name}"
            if request.node not in nodes:
                hint = partial(suggestion, request.node, list(nodes))
                yield Finding(f"{place}.node", f"there is no node {request.node!r}", hint)
            if request.models is None:
                for key in ("task", "min_accuracy"):
                    if getattr(request, key) is None:
                        yield Finding(f"{place}.{key}", f"the key {key!r} is missing", "add it, or name the models")
            for model in request.models or ():
                if model not in models:
                    hint = partial(suggestion, model, list(models))
                    yield Finding(f"{place}.models", f"the library has no model {model!r}", hint)
            if request.models and len(set(request.models)) < len(request.models):
                yield Finding(f"{place}.models", "a model stands twice", "name it once")
        tasks = {request.task for request in self.requests.values() if request.models is None}
        named = {model for request in self.requests.values() for model in request.models or ()}
        for name, entry in models.items():
            needs = {"task": bool(tasks), "accuracy": entry.task in tasks}
            needs["flops_per_sample"] = name in named or entry.task in tasks
            yield from require_model_keys(name, entry, [key for key, needed in needs.items() if needed])

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
            "cloudlets": f"{len(self.cloudlets)}, {quantity(memory, 'B')} together, {limited} with a compute limit",
            "requests": f"{len(self.requests)} (counts {sum(r.count for r in requests)}) from "
            f"{len({r.node for r in requests})} nodes, {len(choices)} different sets of admissible models",
        }


INSTANCE_CLASS = PullingInstance

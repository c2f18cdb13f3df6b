"""Groups of requests that every method may treat alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeopt.pulling.admissible import Admissible
from edgeopt.pulling.core import Flags, Floats, Ints
from edgeopt.pulling.instance import PullingInstance, Request
from edgeopt.pulling.site_network import SiteNetwork


@dataclass
class RequestGroups:
    """Requests that every method may treat alike.

    Attributes
    ----------
    members : list of list of str
        Names of the requests.
    models : list of numpy.ndarray of int64
        Admissible models, one entry for each group.
    delay : list of numpy.ndarray
        Seconds that a request takes with each of them, beside sending, computing and pulling.
    allowed : list of numpy.ndarray of bool, shape (sites + 1,)
        Which sites may serve it; the cloud is last. In these three lists equal entries are the same object.
    node : numpy.ndarray of int64
        Row of the node in the routes.
    input_bits, samples : numpy.ndarray
    count : numpy.ndarray of int64
        Requests in one unit.
    units : numpy.ndarray of int64
    """

    members: list[list[str]]
    models: list[Ints]
    delay: list[Floats]
    allowed: list[Flags]
    node: Ints
    input_bits: Floats
    samples: Ints
    count: Ints
    units: Ints

    def __len__(self) -> int:
        return len(self.members)

    def alike(self) -> list[Ints]:
        """Return the groups by equal models, delays and sites."""
        by_kind: dict[tuple[int, int, int], list[int]] = {}
        for group, kind in enumerate(zip(self.models, self.delay, self.allowed, strict=True)):
            by_kind.setdefault((id(kind[0]), id(kind[1]), id(kind[2])), []).append(group)
        return [np.array(groups, np.int64) for groups in by_kind.values()]


def merge_requests(
    instance: PullingInstance, admissible: dict[str, Admissible], network: SiteNetwork, limited: bool
) -> RequestGroups:
    """Merge equal requests; without compute limits whatever their counts, which are added up."""
    index = {name: position for position, name in enumerate(network.library.models)}
    kinds = set(admissible.values())
    models = {names: np.array([index[name] for name in names], np.int64) for names in {kind.models for kind in kinds}}
    delays = {kind.delay_s: np.array(kind.delay_s) for kind in kinds}
    requests, sites = instance.requests, network.routes.sites
    allowed = {
        names: np.array([names is None or site in names for site in sites], np.bool_)
        for names in {_places(request) for request in requests.values()}
    }
    merged: dict[tuple[object, ...], list[str]] = {}
    for name, request in requests.items():
        count = request.count if limited else 0
        key = (request.node, admissible[name], _places(request), request.input_bits, request.samples, count)
        merged.setdefault(key, []).append(name)
    first = [requests[members[0]] for members in merged.values()]
    if limited:
        counts = [request.count for request in first]
        units = [len(members) for members in merged.values()]
    else:
        counts = [sum(requests[name].count for name in members) for members in merged.values()]
        units = [1] * len(merged)
    return RequestGroups(
        list(merged.values()),
        [models[admissible[members[0]].models] for members in merged.values()],
        [delays[admissible[members[0]].delay_s] for members in merged.values()],
        [allowed[_places(request)] for request in first],
        np.array([network.routes.nodes[request.node] for request in first], np.int64),
        np.array([request.input_bits for request in first]),
        np.array([request.samples for request in first], np.int64),
        np.array(counts, np.int64),
        np.array(units, np.int64),
    )


def _places(request: Request) -> frozenset[str] | None:
    """Return the sites that may serve a request; None for all."""
    return None if request.sites is None else frozenset(request.sites)

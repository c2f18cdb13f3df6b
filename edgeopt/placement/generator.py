"""Instances of `placement`: nodes and users in an area over any library, and the set-union knapsack recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import KW_ONLY
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import ArgumentError, Finding, UsageError
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import ModelLibrary
from edgeopt.placement.importers import sukp_instance
from edgeopt.placement.instance import Demand, Node, PlacementInstance
from edgeopt.quantities import size_bytes
from edgeopt.recipes.common import Library, RequestsRecipe, Seed, Share, StationsRecipe, ZipfExponent, reach
from edgeopt.recipes.recipe import Argument, generator, recipe
from edgeopt.record import Count, NonNegative, Positive, Whole

SET_UNION = "set-union"
EVERYONE = "everyone"
LARGEST_DRAW = 500  # profits and weights of the set-union recipe are drawn from 1 to this

# Our choice: nodes as far apart as small cells, and times that let most models come from near nodes only.
AREA_PER_NODE_M2 = 250.0**2
BANDWIDTH_HZ = 20e6
REFERENCE_SNR_DB, REFERENCE_M, PATH_LOSS_EXPONENT = 25.0, 100.0, 3.5
TIME_LIMITS_S = (4.0, 12.0)
ZIPF_EXPONENT = 0.8
STORAGE_FRACTION, SET_UNION_FRACTION = 0.2, 0.75  # of a library's bytes, and of all elements' weight
REACH_M = 125.0  # how far users stand from real stations


@recipe
class PlacementRecipe(StationsRecipe, RequestsRecipe):
    """How an instance of `placement` is drawn."""

    sharing: Annotated[
        str, Argument("How the models of a drawn library share; set-union: a set-union knapsack problem.")
    ] = "freeze-depth"
    models: Annotated[Count, Argument("Models of a drawn library, or items.")] = 30
    nodes: Annotated[Count, Argument("Nodes.")] = 5
    users: Annotated[Whole, Argument("Users.")] = 37
    seed: Seed = 0
    library: Library = None
    _: KW_ONLY
    models_per_user: Annotated[Count, Argument("Models that each user asks for.")] = 10
    storage_fraction: Annotated[
        NonNegative | None,
        Argument(
            "Storage of a node, as a part of the library (default: 0.2); of set-union: of all elements (default: 0.75)."
        ),
    ] = None
    zipf_exponent: ZipfExponent = ZIPF_EXPONENT
    elements: Annotated[Count, Argument("Elements of set-union.")] = 100
    density: Annotated[Share, Argument("Part of the elements that an item of set-union needs.")] = 0.1
    reach_m: Annotated[Positive | None, reach(REACH_M)] = None
    node: Annotated[
        list[str] | None,
        Argument(
            "A node with its storage, such as a=200GB, that delivers to everybody; give the option for each.",
            "NAME=BYTES",
            needs="requests",
        ),
    ] = None

    def check(self) -> None:
        super().check()
        if self.requests is not None:
            if self.library is None or not self.node:
                raise UsageError("requests of a log need the library of their models, and nodes with their storage")
            if self.stations is not None:
                raise UsageError("nodes that deliver to everybody stand nowhere; give no stations")
            _storage_of(self.node)
        if self.sharing == SET_UNION and self.library is None and self.stations is not None:
            raise UsageError(f"{SET_UNION} has one node that stands nowhere; give no stations")

    def remarks(self) -> Iterable[str]:
        if self.requests is not None and self.library is not None and self.library.shared_by in ("content", "lora"):
            yield (
                f"the library counts what is shared by {self.library.shared_by}, which no disk shares: "
                "where nodes are disks, scan with --shared-by store or nobody"
            )

    def draw(self) -> PlacementInstance:
        """Draw an instance of `placement`: nodes that store models, and demand that some of them can serve.

        Nodes and users are spread evenly over a square of 250 m x 250 m a node. A user asks for distinct models, at
        most as many as there are, with Zipf probabilities, divided by the number of users: the weights of all rows
        add up to at most 1, a hit ratio. A user ranks the models on its own with probability one half, else as all
        others do. A node can deliver in time when it downloads the whole model within a limit of 4 to 12 s drawn
        for each row. It does so at Shannon's rate over 20 MHz. The signal-to-noise ratio is 25 dB at 100 m and
        falls with the power 3.5 of the distance. Limit and rate scale with the median size of a model, so that any
        library gives instances of the same kind. The storage of each node is drawn between 0.5 and 1.5 of
        `storage_fraction`.

        The library to draw is that of `edgeopt.libraries.generator.generate_library`; a library that is given stands
        in its stead. The sharing ``"set-union"`` draws one node by the recipe of He et al. (2018, Future Generation
        Computer Systems 78): profits and weights of items and elements from 1 to 500, an item needs an element with
        probability `density`, and the node stores `storage_fraction` of all elements' weight.

        With requests of a log each node delivers every model, and the weight of a model is the number of its requests.

        With stations, see `edgeopt.measured.places`, the nodes are one of them, drawn at random, and its nearest. Users
        are drawn from those given within reach, or stand anywhere within reach.
        """
        library, name, seed = self.library, self.name, self.seed
        if self.requests is not None and library is not None:
            return self._logged(library)
        if library is None:
            if self.sharing == SET_UNION:
                return self._set_union()
            library = generate_library(self.sharing, self.models, seed)
            name = name or f"{self.sharing}-{self.nodes}x{self.models}x{self.users}-seed{seed}"
        rng = np.random.default_rng([seed, 2])  # another stream than the library's
        side = float(np.sqrt(AREA_PER_NODE_M2 * self.nodes))
        names = [f"n{n + 1}" for n in range(self.nodes)]
        places, homes = rng.uniform(0, side, (self.nodes, 2)), rng.uniform(0, side, (self.users, 2))
        if self.stations is not None:
            own = np.random.default_rng([seed, 4])
            near = self.measured_area(own).neighbourhood(self.nodes, own)
            homes = near.draw_users(self.users, self.reach_m or REACH_M, own)
            names, places = list(near.names), near.stations
        distance = np.maximum(np.linalg.norm(homes[:, None] - places[None], axis=2), 10.0)
        fraction = STORAGE_FRACTION if self.storage_fraction is None else self.storage_fraction
        storage = library.union_bytes(library.models) * fraction
        return PlacementInstance(
            name=name or f"{library.name}-{self.nodes}x{self.users}-seed{seed}",
            library=library,
            nodes={node: Node(storage_bytes=int(storage * rng.uniform(0.5, 1.5))) for node in names},
            demand=self._demand(library, names, distance, rng),
        )

    def _demand(
        self, library: ModelLibrary, nodes: list[str], distance_m: NDArray[np.float64], rng: np.random.Generator
    ) -> list[Demand]:
        """Draw the rows; a row that no node can deliver in time stays, and is never hit."""
        names = list(library.models)
        sizes = np.array([library.size_bytes(model) for model in names], dtype=np.float64)
        relative = sizes / max(float(np.median(sizes)), 1.0)
        snr = 10 ** (REFERENCE_SNR_DB / 10) * (distance_m / REFERENCE_M) ** -PATH_LOSS_EXPONENT
        seconds = 8 * 100e6 / (BANDWIDTH_HZ * np.log2(1 + snr))  # for a model of the median size, as if it had 100 MB
        common = rng.permutation(len(names))
        popularity = (1.0 + np.arange(len(names))) ** -self.zipf_exponent
        popularity /= popularity.sum()
        count, rows = min(self.models_per_user, len(names)), []
        width = len(str(self.users))
        for user in range(self.users):
            ranking = common if rng.random() < 0.5 else rng.permutation(len(names))
            for rank in np.sort(rng.choice(len(names), count, replace=False, p=popularity)):
                model = ranking[rank]
                in_time = relative[model] * seconds[user] <= rng.uniform(*TIME_LIMITS_S)
                rows.append(
                    Demand(
                        user=f"u{user + 1:0{width}d}",
                        model=names[model],
                        weight=float(f"{popularity[rank] / self.users:.6g}"),
                        nodes=[nodes[node] for node in np.flatnonzero(in_time)],
                    )
                )
        return rows

    def _logged(self, library: ModelLibrary) -> PlacementInstance:
        """Make nodes that deliver to everybody, and the demand of the requests."""
        storage, counts = _storage_of(self.node or ()), Counter(self.logged_models(library))
        return PlacementInstance(
            name=self.name or f"{library.name}-{len(storage)}",
            library=library,
            nodes={node: Node(storage_bytes=size) for node, size in storage.items()},
            demand=[
                Demand(user=EVERYONE, model=model, weight=counts[model], nodes=list(storage))
                for model in library.models
                if counts[model]
            ],
        )

    def _set_union(self) -> PlacementInstance:
        items, elements, density, seed = self.models, self.elements, self.density, self.seed
        fraction = SET_UNION_FRACTION if self.storage_fraction is None else self.storage_fraction
        rng = np.random.default_rng(seed)
        profits, weights = rng.integers(1, LARGEST_DRAW + 1, items), rng.integers(1, LARGEST_DRAW + 1, elements)
        needed = rng.random((items, elements)) < density
        for item in np.flatnonzero(~needed.any(axis=1)):
            needed[item, rng.integers(elements)] = True
        capacity = int(fraction * int(weights.sum()))
        title = self.name or f"{SET_UNION}-{items}x{elements}-{density:g}-{fraction:g}-seed{seed}"
        return sukp_instance(title, profits.tolist(), weights.tolist(), needed.astype(int).tolist(), capacity)


def _storage_of(nodes: Iterable[str]) -> dict[str, int]:
    """Read nodes with their storage."""
    storage: dict[str, int] = {}
    for entry in nodes:
        name, _, size = entry.rpartition("=")
        if not name:
            raise ArgumentError([Finding("node", f"{entry!r} is no node with its storage", "give NAME=BYTES")])
        if name in storage:
            raise ArgumentError([Finding("node", f"the node {name!r} stands twice", "name it once")])
        storage[name] = size_bytes(size)
    return storage


generate = generator(PlacementRecipe)

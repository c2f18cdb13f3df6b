"""Instances of `caching`: small cells, users, channels, backhaul and correlated requests over any library."""

from __future__ import annotations

from dataclasses import KW_ONLY
from math import ceil, sqrt
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edgeopt.caching.instance import Backhaul, CachingInstance, Link, Node, Radio, Scenario
from edgeopt.errors import UsageError
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import ModelLibrary
from edgeopt.recipes.common import Library, Models, Seed, Sharing, StationsRecipe, ZipfExponent, reach
from edgeopt.recipes.recipe import Argument, generator, recipe
from edgeopt.record import Bytes, Count, Positive, Probability

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

# 3GPP TR 38.901 table 7.4.1-1, UMi street canyon without line of sight, 3.5 GHz, user at 1.5 m, site at 10 m.
CARRIER_GHZ, HEIGHT_DIFFERENCE_M, SHADOWING_DB = 3.5, 8.5, 7.82
LEAST_DISTANCE_M = 10.0
SITE_DISTANCE_M = 200.0  # between neighbouring small cells, as in the dense urban scenario of 3GPP TR 38.913
BANDWIDTH_HZ = 100e6
POWER_W = 1.0  # 30 dBm, a usual power of outdoor small cells
NOISE_W_HZ = 10 ** ((-174 + 9 - 30) / 10)  # thermal noise and a receiver noise figure of 9 dB
EDGE_STORAGE_BYTES = (2_000_000_000, 8_000_000_000)  # our choice, where the library is between
MEANINGFUL_BYTES = (8_000_000_000, 80_000_000_000)  # so that no node holds all, and each may hold some of it
STORAGE_FRACTIONS = (0.1, 0.4)  # of any other library, each block counted once
CLOUD_BPS = (100e6, 400e6)  # our choice: a share of the transport network
LINK_BPS = (0.5e9, 2e9)  # our choice: between neighbouring sites
LINK_REACH = 1.8  # in site distances
ZIPF_EXPONENT = 0.8
REACH_M = SITE_DISTANCE_M / 2  # our choice: how far users stand from real stations


def site_grid(count: int) -> Floats:
    """Positions of sites on a hexagonal grid, row by row, in metres, shape (count, 2)."""
    columns = ceil(sqrt(count))
    row, column = np.divmod(np.arange(count), columns)
    return SITE_DISTANCE_M * np.stack([column + 0.5 * (row % 2), row * sqrt(3) / 2], axis=1)


def path_gains(sites: Floats, users: Floats, rng: np.random.Generator) -> Floats:
    """Power gains with shadowing, shape (sites, users): 3GPP TR 38.901, UMi without line of sight."""
    flat = np.linalg.norm(sites[:, None] - users[None], axis=2)
    distance = np.hypot(np.maximum(flat, LEAST_DISTANCE_M), HEIGHT_DIFFERENCE_M)
    loss_db = 35.3 * np.log10(distance) + 22.4 + 21.3 * np.log10(CARRIER_GHZ)
    loss_db += SHADOWING_DB * rng.standard_normal(loss_db.shape)
    gains: Floats = 10 ** (-loss_db / 10)
    return gains


def rayleigh(gains: Floats, antennas: int, rng: np.random.Generator) -> Complexes:
    """Channel vectors with independent Rayleigh fading on each antenna, shape (sites, users, antennas)."""
    shape = (*gains.shape, antennas)
    scale = np.sqrt(gains)[:, :, None] / sqrt(2)
    channels: Complexes = np.empty(shape, np.complex128)
    channels.real = scale * rng.standard_normal(shape)
    channels.imag = scale * rng.standard_normal(shape)
    return channels


@recipe
class CachingRecipe(StationsRecipe):
    """How an instance of `caching` is drawn."""

    sharing: Sharing = "freeze-depth"
    models: Models = 24
    nodes: Annotated[Count, Argument("Edge nodes.")] = 6
    users: Annotated[Count, Argument("Users.")] = 12
    scenarios: Annotated[Count, Argument("Scenarios of requests.")] = 8
    seed: Seed = 0
    library: Library = None
    _: KW_ONLY
    antennas: Annotated[Count, Argument("Antennas of each node.")] = 4
    storage_bytes: Annotated[
        tuple[Bytes, Bytes] | None,
        Field(strict=False),
        Argument(
            "Storage of each node, such as 2GB 4GB; default: by the library's size.",
            "LEAST MOST",
            "--storage",
            given=tuple[str, str],
            unit="B",
        ),
    ] = None
    csi_error: Annotated[
        float, Field(ge=0, le=10), Argument("Channel error, as a fraction of the weakest user's channel.")
    ] = 0.05
    correlation: Annotated[Probability, Argument("A user keeps its request so often between scenarios.")] = 0.5
    zipf_exponent: ZipfExponent = ZIPF_EXPONENT
    reach_m: Annotated[Positive | None, reach(REACH_M)] = None

    def check(self) -> None:
        super().check()
        if self.storage_bytes is not None and self.storage_bytes[0] > self.storage_bytes[1]:
            raise UsageError(f"storage_bytes is a range (least, most), not {self.storage_bytes}")

    def draw(self) -> CachingInstance:
        """Draw an instance of `caching`: nodes that cache blocks and broadcast them together to users.

        Small cells stand on a hexagonal grid 200 m apart, users anywhere among them; each cell has a share of the
        transport network to the cloud (100 to 400 Mbit/s) and links to its neighbours (0.5 to 2 Gbit/s). Every user
        asks for one model in each scenario; scenarios are equally likely.

        The library to draw is that of `edgeopt.libraries.generator.generate_library`; a library that is given stands
        in its stead. Storage that is not given has 2 to 8 GB for libraries of 8 to 80 GB, each block counted once, and
        a tenth to four tenths of smaller and larger ones.

        With stations, see `edgeopt.measured.places`, the nodes are one of them, drawn at random, and its nearest. Users
        are drawn from those given within reach, or stand anywhere within reach.
        """
        library, name, seed = self.library, self.name, self.seed
        if library is None:
            library = generate_library(self.sharing, self.models, seed)
            name = name or f"{self.sharing}-{self.models}-{self.nodes}x{self.users}x{self.scenarios}-seed{seed}"
        storage_bytes = self.storage_bytes or _usual_storage(library)
        rng = np.random.default_rng([seed, 3])  # another stream than the library's
        node_names, user_names = _names("n", self.nodes), _names("u", self.users)
        if self.stations is None:
            sites = site_grid(self.nodes)
            margin = SITE_DISTANCE_M / 2
            places = rng.uniform(sites.min(axis=0) - margin, sites.max(axis=0) + margin, (self.users, 2))
        else:
            own = np.random.default_rng([seed, 4])
            near = self.measured_area(own).neighbourhood(self.nodes, own)
            places = near.draw_users(self.users, self.reach_m or REACH_M, own)
            node_names, sites = list(near.names), near.stations
        channels = rayleigh(path_gains(sites, places, rng), self.antennas, rng)
        strongest = np.linalg.norm(channels, axis=2).max(axis=0)
        return CachingInstance(
            name=name or f"{library.name}-{self.nodes}x{self.users}x{self.scenarios}-seed{seed}",
            library=library,
            nodes={
                node: Node(
                    storage_bytes=int(rng.integers(*storage_bytes, endpoint=True)),
                    power_w=POWER_W,
                    antennas=self.antennas,
                )
                for node in node_names
            },
            radio=Radio(
                bandwidth_hz=BANDWIDTH_HZ,
                noise_w=float(f"{BANDWIDTH_HZ * NOISE_W_HZ:.6g}"),
                csi_error=float(f"{self.csi_error * strongest.min():.4g}"),
                channels={
                    node: {user: _coefficients(channels[n, k]) for k, user in enumerate(user_names)}
                    for n, node in enumerate(node_names)
                },
            ),
            backhaul=_backhaul(node_names, sites, rng),
            scenarios=self._scenarios(library, user_names, rng),
        )

    def _scenarios(self, library: ModelLibrary, users: list[str], rng: np.random.Generator) -> list[Scenario]:
        """Each user keeps its request from one scenario to the next, or draws a new one by popularity."""
        names = list(library.models)
        popularity = (1.0 + rng.permutation(len(names))) ** -self.zipf_exponent
        popularity /= popularity.sum()
        asked = rng.choice(len(names), size=len(users), p=popularity)
        found = []
        for _ in range(self.scenarios):
            requests = {user: names[model] for user, model in zip(users, asked, strict=True)}
            found.append(Scenario(probability=1 / self.scenarios, requests=requests))
            drawn = rng.choice(len(names), size=len(users), p=popularity)
            asked = np.where(rng.random(len(users)) < self.correlation, asked, drawn)
        return found


generate = generator(CachingRecipe)


def _usual_storage(library: ModelLibrary) -> tuple[int, int]:
    """Return the range from which storage is drawn."""
    unique = library.union_bytes(library.models)
    if MEANINGFUL_BYTES[0] <= unique <= MEANINGFUL_BYTES[1]:
        return EDGE_STORAGE_BYTES
    return int(STORAGE_FRACTIONS[0] * unique), int(STORAGE_FRACTIONS[1] * unique)


def _names(letter: str, count: int) -> list[str]:
    width = len(str(count))
    return [f"{letter}{number:0{width}d}" for number in range(1, count + 1)]


def _coefficients(vector: Complexes) -> list[list[float]]:
    return [[float(f"{value.real:.6g}"), float(f"{value.imag:.6g}")] for value in vector]


def _backhaul(names: list[str], sites: Floats, rng: np.random.Generator) -> Backhaul:
    cloud = {name: float(round(rng.uniform(*CLOUD_BPS), -6)) for name in names}
    links = []
    for a, source in enumerate(names):
        for b, target in enumerate(names):
            if a != b and np.linalg.norm(sites[a] - sites[b]) <= LINK_REACH * SITE_DISTANCE_M:
                rate = float(round(rng.uniform(*LINK_BPS), -6))
                links.append(Link.model_validate({"from": source, "to": target, "rate_bps": rate}))
    return Backhaul(cloud_bps=cloud, links=links)

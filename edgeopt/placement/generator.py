"""Instances of `placement`: nodes and users in an area over any library, and the set-union knapsack recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import UsageError
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import ModelLibrary
from edgeopt.measured.places import Bounds, require_stations, stations_and_users
from edgeopt.placement.importers import sukp_instance
from edgeopt.placement.instance import Demand, Node, PlacementInstance

SET_UNION = "set-union"
LARGEST_DRAW = 500  # profits and weights of the set-union recipe are drawn from 1 to this

# Our choice: nodes as far apart as small cells, and times that let most models come from near nodes only.
AREA_PER_NODE_M2 = 250.0**2
BANDWIDTH_HZ = 20e6
REFERENCE_SNR_DB, REFERENCE_M, PATH_LOSS_EXPONENT = 25.0, 100.0, 3.5
TIME_LIMITS_S = (4.0, 12.0)
ZIPF_EXPONENT = 0.8
REACH_M = 125.0  # how far users stand from real stations


def generate(
    sharing: str = "freeze-depth",
    models: int = 30,
    nodes: int = 5,
    users: int = 37,
    seed: int = 0,
    library: ModelLibrary | None = None,
    *,
    models_per_user: int = 10,
    storage_fraction: float | None = None,
    zipf_exponent: float = ZIPF_EXPONENT,
    elements: int = 100,
    density: float = 0.1,
    stations: str | None = None,
    user_positions: str | Path | None = None,
    area: Bounds | None = None,
    reach_m: float | None = None,
    name: str | None = None,
) -> PlacementInstance:
    """Draw an instance.

    Nodes and users are spread evenly over a square of 250 m x 250 m a node. A user asks for distinct models with Zipf
    probabilities, divided by the number of users: the weights of all rows add up to at most 1, a hit ratio. A node can
    deliver in time when it downloads the whole model within a limit of 4 to 12 s drawn for each row, at Shannon's
    rate over 20 MHz with a signal-to-noise ratio of 25 dB at 100 m that falls with the power 3.5 of the distance; limit
    and rate scale with the median size of a model, so that any library gives instances of the same kind.

    Parameters
    ----------
    sharing : str
        The library to draw, see `edgeopt.libraries.generator.generate_library`; or ``"set-union"`` for one node by the
        recipe of He et al. (2018, Future Generation Computer Systems 78): profits and weights of items and elements
        from 1 to 500, an item needs an element with probability `density`, and the node stores `storage_fraction` (0.75
        when not given) of all elements' weight.
    models : int
        Number of models, or items.
    nodes, users : int
    seed : int
        Same arguments and seed, same instance.
    library : ModelLibrary, optional
        Use this library.
    models_per_user : int
        Distinct models that each user asks for, at most as many as there are: the rows of the demand.
    storage_fraction : float, optional
        Storage of a node as a fraction of all blocks' bytes, drawn between 0.5 and 1.5 of it; 0.2 when not given.
    zipf_exponent : float
        The k-th most popular model has probability proportional to k ** -exponent; each user ranks on its own with
        probability one half, else as all others do.
    elements : int
        Elements of the set-union recipe.
    density : float
        Of the set-union recipe.
    stations : str, optional
        CSV file of base stations, or ``"melbourne"`` to draw some, see `edgeopt.measured.places`: the nodes are one of
        them, drawn at random, and its nearest.
    user_positions : path, optional
        CSV file of users beside the stations, of which `users` within reach are drawn; without it they stand anywhere
        within reach.
    area : (south, west, north, east), optional
        Leave out stations and users beyond these degrees.
    reach_m : float, optional
        How far from their nearest node users stand at most, with stations only; 125 m when not given.
    name : str, optional

    Raises
    ------
    UsageError
        A parameter outside its range, a library without models, or too few stations or users.
    InputError
        The stations or users cannot be read.
    """
    _validate(models=models, nodes=nodes, users=users, models_per_user=models_per_user, elements=elements)
    if storage_fraction is not None and not 0 <= storage_fraction < float("inf"):
        raise UsageError(f"storage_fraction is 0 or more, not {storage_fraction:g}")
    require_stations(stations, user_positions, area, reach_m)
    if sharing == SET_UNION and library is None:
        if stations is not None:
            raise UsageError(f"{SET_UNION} has one node that stands nowhere; give no stations")
        fraction = 0.75 if storage_fraction is None else storage_fraction
        return _set_union(models, elements, density, fraction, seed, name)
    if library is None:
        library = generate_library(sharing, models, seed)
        name = name or f"{sharing}-{nodes}x{models}x{users}-seed{seed}"
    if not library.models:
        raise UsageError(f"the library {library.name!r} has no models")
    rng = np.random.default_rng([seed, 2])  # another stream than the library's
    side = float(np.sqrt(AREA_PER_NODE_M2 * nodes))
    names = [f"n{n + 1}" for n in range(nodes)]
    places, homes = rng.uniform(0, side, (nodes, 2)), rng.uniform(0, side, (users, 2))
    if stations is not None:
        chosen = stations_and_users(
            stations, user_positions, area, nodes, users, reach_m or REACH_M, np.random.default_rng([seed, 4])
        )
        names, places, homes = list(chosen.names), chosen.stations, chosen.users
    distance = np.maximum(np.linalg.norm(homes[:, None] - places[None], axis=2), 10.0)
    storage = library.union_bytes(library.models) * (0.2 if storage_fraction is None else storage_fraction)
    return PlacementInstance(
        name=name or f"{library.name}-{nodes}x{users}-seed{seed}",
        library=library,
        nodes={node: Node(storage_bytes=int(storage * rng.uniform(0.5, 1.5))) for node in names},
        demand=_demand(library, names, distance, models_per_user, zipf_exponent, rng),
    )


def _demand(
    library: ModelLibrary,
    nodes: list[str],
    distance_m: NDArray[np.float64],
    models_per_user: int,
    zipf_exponent: float,
    rng: np.random.Generator,
) -> list[Demand]:
    """Draw the rows; a row that no node can deliver in time stays, and is never hit."""
    names = list(library.models)
    users = len(distance_m)
    sizes = np.array([library.size_bytes(model) for model in names], dtype=np.float64)
    relative = sizes / max(float(np.median(sizes)), 1.0)
    snr = 10 ** (REFERENCE_SNR_DB / 10) * (distance_m / REFERENCE_M) ** -PATH_LOSS_EXPONENT
    seconds = 8 * 100e6 / (BANDWIDTH_HZ * np.log2(1 + snr))  # for a model of the median size, as if it had 100 MB
    common = rng.permutation(len(names))
    popularity = (1.0 + np.arange(len(names))) ** -zipf_exponent
    popularity /= popularity.sum()
    rows = []
    width = len(str(users))
    for user in range(users):
        ranking = common if rng.random() < 0.5 else rng.permutation(len(names))
        for rank in np.sort(rng.choice(len(names), min(models_per_user, len(names)), replace=False, p=popularity)):
            model = ranking[rank]
            in_time = relative[model] * seconds[user] <= rng.uniform(*TIME_LIMITS_S)
            rows.append(
                Demand(
                    user=f"u{user + 1:0{width}d}",
                    model=names[model],
                    weight=float(f"{popularity[rank] / users:.6g}"),
                    nodes=[nodes[node] for node in np.flatnonzero(in_time)],
                )
            )
    return rows


def _set_union(
    items: int, elements: int, density: float, fraction: float, seed: int, name: str | None
) -> PlacementInstance:
    if not 0 < density <= 1:
        raise UsageError(f"density lies above 0 and at most at 1, not {density:g}")
    rng = np.random.default_rng(seed)
    profits, weights = rng.integers(1, LARGEST_DRAW + 1, items), rng.integers(1, LARGEST_DRAW + 1, elements)
    needed = rng.random((items, elements)) < density
    for item in np.flatnonzero(~needed.any(axis=1)):
        needed[item, rng.integers(elements)] = True
    capacity = int(fraction * int(weights.sum()))
    title = name or f"set-union-{items}x{elements}-{density:g}-{fraction:g}-seed{seed}"
    return sukp_instance(title, profits.tolist(), weights.tolist(), needed.astype(int).tolist(), capacity)


def _validate(**counts: int) -> None:
    for key, value in counts.items():
        least = 0 if key == "users" else 1
        if value < least:
            raise UsageError(f"{key} must be at least {least}, not {value}")

"""The distributions of the authors' code, and a drawing from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra

from edgeopt.errors import UsageError
from edgeopt.measured.places import MELBOURNE_EXTENT_M, Area
from edgeopt.pulling.queues import pollaczek_khinchine
from edgeopt.pulling.tpds2025.drawing import GIGABYTE, Drawing, Floats

SIZE_GB, OPERATIONS, RATE = (5.0, 20.0), (100.0, 300.0), (107.0, 312.0)  # an inference takes operations * size / rate
LINK_S_PER_GB, CLOUD_LINK_S_PER_GB = (5.0, 10.0), (10.0, 20.0)
PEAK_POWER, IDLE_POWER, ACCESS, INSTRUCTIONS = (0.8, 2.5), (0.1, 0.3), (0.1, 0.5), (50, 100)
ARRIVALS_PER_S, SERVED_PER_S = (0.1, 0.5), (0.5, 0.9)
INPUT_GB, OUTPUT_SHARE = (0.09, 0.5), (0.1, 0.3)
CAPACITY_GB, BUDGET, ACCURACY, FLOOR = (8, 24), (30_000.0, 50_000.0), (0.4, 1.0), (0.1, 0.4)
RADIO_BANDWIDTH, SIGNAL_TO_NOISE = 20.0, 3.0
BITS_PER_GB = 8 * GIGABYTE
METRES_PER_DEGREE = 111_195.0


@dataclass(frozen=True)
class Setting:
    """Sizes and constants of one drawing; those that are None are drawn or follow.

    Attributes
    ----------
    requests, models, cloudlets : int
    service_types : int, optional
        By default one for ten models.
    copies : int, optional
        A model is at 1 to so many cloudlets; by default one in twenty cloudlets.
    capacity_gb, budget, floor : float, optional
        The same for all cloudlets or requests.
    """

    requests: int = 100
    models: int = 10
    cloudlets: int = 100
    service_types: int | None = None
    copies: int | None = None
    capacity_gb: float | None = None
    budget: float | None = None
    floor: float | None = None

    def complete(self) -> Setting:
        """Return the setting with its types and copies.

        Raises
        ------
        UsageError
            A model cannot be at so many cloudlets.
        """
        types = self.service_types or max(1, self.models // 10)
        copies = self.copies or max(1, self.cloudlets // 20)
        if copies > self.cloudlets:
            raise UsageError(f"a model cannot be at {copies} of {self.cloudlets} cloudlets; give fewer copies")
        return replace(self, service_types=types, copies=copies)


def draw(setting: Setting, seed: int, area: Area | None = None) -> Drawing:
    """Draw the setting.

    Parameters
    ----------
    setting : Setting
    seed : int
    area : Area, optional
        Stations, the first of which are the cloudlets, and users, the first of whom gives the rate of the radio; by
        default they are drawn over central Melbourne.

    Raises
    ------
    UsageError
        The area has too few stations, or no users.
    """
    setting = setting.complete()
    rng = np.random.default_rng([seed, 2025])
    count, models, requests = setting.cloudlets, setting.models, setting.requests
    names, rate = _radio(count, area, rng)
    links = _links(count, rng)
    first, second, weight = (np.array(column) for column in zip(*links, strict=True))
    graph = sparse.csr_array((weight, (first, second)), shape=(count + 1, count + 1))
    size, kind = rng.uniform(*SIZE_GB, models), rng.integers(setting.service_types or 1, size=models)
    holds = np.zeros((models, count), np.bool_)
    for row in holds:
        row[rng.choice(count, int(rng.integers(1, (setting.copies or 1) + 1)), replace=False)] = True
    shares = np.stack([holds[kind == service].any(axis=0) for service in kind])
    home = rng.integers(count, size=requests)
    sent = rng.uniform(*INPUT_GB, requests)[:, None]
    operations, computing = rng.uniform(*OPERATIONS, models), rng.uniform(*RATE, count)
    rates = zip(rng.uniform(*ARRIVALS_PER_S, count).tolist(), rng.uniform(*SERVED_PER_S, count).tolist(), strict=True)
    queue = np.array([pollaczek_khinchine(arrivals, served) for arrivals, served in rates])
    access, peak = rng.uniform(*ACCESS, count), rng.uniform(*PEAK_POWER, count)
    instructions = rng.integers(INSTRUCTIONS[0], INSTRUCTIONS[1] + 1, requests)
    return Drawing(
        names=names,
        size=size,
        service_type=kind,
        holds=holds,
        shares=shares,
        links=links,
        distance=dijkstra(graph, directed=False),
        home=home,
        accuracy=rng.uniform(*ACCURACY, (requests, models)),
        inference=operations * size / computing[home][:, None],
        transmission=sent * (1 + size * rng.uniform(*OUTPUT_SHARE, (requests, models))) / rate,
        queue=np.where(np.bincount(home, minlength=count) > 0, queue, 0.0),
        floor=_given(setting.floor, rng.uniform(*FLOOR, requests)),
        budget=_given(setting.budget, rng.uniform(*BUDGET, requests)),
        work_cost=access[home] * instructions * peak[home],
        power=rng.uniform(*PEAK_POWER, count),
        standby=rng.uniform(*IDLE_POWER, count) + rng.uniform(*IDLE_POWER, count),
        capacity=_given(setting.capacity_gb, rng.integers(CAPACITY_GB[0], CAPACITY_GB[1] + 1, count).astype(float)),
        used_share=float(rng.uniform()),
    )


def _given(value: float | None, drawn: Floats) -> Floats:
    return drawn if value is None else np.full(len(drawn), float(value))


def _radio(count: int, area: Area | None, rng: np.random.Generator) -> tuple[tuple[str, ...], Floats]:
    """Return the names of the cloudlets, and the rate of the one user's radio in GB/s, falling with its distance."""
    if area is None:
        width = len(str(count))
        names = tuple(f"site{number:0{width}d}" for number in range(1, count + 1))
        stations, user = rng.uniform((0, 0), MELBOURNE_EXTENT_M, (count, 2)), rng.uniform((0, 0), MELBOURNE_EXTENT_M)
    else:
        if len(area.names) < count or area.users is None:
            lacking = "there are no users" if area.users is None else f"there are {len(area.names)} stations"
            raise UsageError(f"{lacking}: the setting needs {count} stations and the places of users")
        names, stations, user = area.names[:count], area.stations[:count], area.users[0]
    degrees = np.linalg.norm(stations - user, axis=1).min() / METRES_PER_DEGREE
    rate: Floats = RADIO_BANDWIDTH * np.log2(1 + SIGNAL_TO_NOISE / max(degrees, 1e-9) ** 2)
    return names, rate


def _links(count: int, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """Link random pairs of cloudlets and the cloud, node `count`, until all are connected."""
    weights: dict[tuple[int, int], float] = {}
    parts = count + 1
    while parts > 1:
        for _ in range(parts - 1):  # fewer cannot connect all
            u, v = sorted(rng.integers(count + 1, size=2).tolist())
            if u != v and (u, v) not in weights:
                drawn = rng.uniform(*(CLOUD_LINK_S_PER_GB if v == count else LINK_S_PER_GB))
                weights[u, v] = BITS_PER_GB / float(f"{BITS_PER_GB / drawn:.3g}")  # a bandwidth of three digits
        ends = np.array(list(weights), np.int64).reshape(-1, 2)
        graph = sparse.csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count + 1, count + 1))
        parts = connected_components(graph, directed=False)[0]
    return [(u, v, weight) for (u, v), weight in weights.items()]

"""What is drawn of the authors' setting, its delays and costs, and the instance of `pulling` that it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import UsageError
from edgeopt.pulling.instance import PullingInstance

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

CLOUD = "cloud"
GIGABYTE = 1_000_000_000
SHAREABLE = 2 / 3


@dataclass(frozen=True)
class Drawing:
    """What was drawn, with J requests, K models, V cloudlets; delays in seconds, sizes in GB.

    Attributes
    ----------
    names : tuple of str
        The cloudlets.
    size, service_type : numpy.ndarray, shape (K,)
    holds, shares : numpy.ndarray of bool, shape (K, V)
        Where a model is, and where one of its service type is.
    links : list of (int, int, float)
        Two nodes and the seconds per GB; the cloud is node V.
    distance : numpy.ndarray, shape (V + 1, V + 1)
        Seconds per GB along the shortest path.
    home : numpy.ndarray of int64, shape (J,)
    accuracy, inference, transmission : numpy.ndarray, shape (J, K)
    queue : numpy.ndarray, shape (V,)
    floor, budget, work_cost : numpy.ndarray, shape (J,)
        Least accuracy, most cost, and the cost of a request apart from its delays.
    power, standby : numpy.ndarray, shape (V,)
        Cost per second of sending, and of computing.
    capacity : numpy.ndarray, shape (V,)
    used_share : float
        A model takes this part of its size of the capacity.
    """

    names: tuple[str, ...]
    size: Floats
    service_type: Ints
    holds: Flags
    shares: Flags
    links: list[tuple[int, int, float]]
    distance: Floats
    home: Ints
    accuracy: Floats
    inference: Floats
    transmission: Floats
    queue: Floats
    floor: Floats
    budget: Floats
    work_cost: Floats
    power: Floats
    standby: Floats
    capacity: Floats
    used_share: float

    @property
    def fits(self) -> Flags:
        """Whether a model fits the capacity of a request's home, shape (J, K)."""
        fits: Flags = self.used_share * self.size[None, :] <= self.capacity[self.home][:, None]
        return fits

    def nearest(self, holders: Flags) -> Floats:
        """Return the seconds per GB from the nearest holder to each request's home, shape (J, K)."""
        to_home = self.distance[self.home][:, :-1]
        return np.stack([to_home[:, row].min(axis=1, initial=np.inf) for row in holders], axis=1)

    def pulling(self, shareable: Floats, remaining: Floats) -> Floats:
        """Return the seconds until both parts have come, from their seconds per GB."""
        parts = SHAREABLE * self.size * shareable, (1 - SHAREABLE) * self.size * remaining
        return np.maximum(*parts)

    def cost(self, pulling: Floats) -> Floats:
        """Return the cost of each request with each model, shape (J, K)."""
        home = self.home
        sending = self.power[home][:, None] * (pulling + self.transmission)
        return sending + self.work_cost[:, None] + self.standby[home][:, None] * self.inference

    def delay(self, pulling: Floats) -> Floats:
        """Return the delay of each request with each model, shape (J, K)."""
        return pulling + self.inference + self.transmission + self.queue[self.home][:, None]

    def instance(self, name: str) -> PullingInstance:
        """Make the instance of `pulling`: peers send, requests wait at home for the longer of two parts.

        Inference and transmission are the delay that a request takes with a model; a model that does not fit the
        capacity is not offered.

        Raises
        ------
        UsageError
            A request has no model that fits.
        """
        models = [f"m{model + 1:0{len(str(len(self.size)))}d}" for model in range(len(self.size))]
        blocks: dict[str, int] = {}
        for model, size in zip(models, self.size.tolist(), strict=True):
            whole = round(GIGABYTE * size)
            blocks |= {
                f"{model}/shareable": round(SHAREABLE * whole),
                f"{model}/rest": whole - round(SHAREABLE * whole),
            }
        resident = {
            site: [
                f"{model}/{part}"
                for model, shared, held in zip(models, self.shares[:, column], self.holds[:, column], strict=True)
                for part, there in (("shareable", shared), ("rest", held))
                if there
            ]
            for column, site in enumerate(self.names)
        }
        nodes = [*self.names, CLOUD]
        return PullingInstance.from_dict(
            {
                "name": name,
                "library": {
                    "format": "edgeopt-library/1",
                    "name": f"{name} models",
                    "blocks": blocks,
                    "models": {
                        model: {"blocks": [f"{model}/shareable", f"{model}/rest"], "flops_per_sample": 0.0}
                        for model in models
                    },
                },
                "cloud": {"name": CLOUD, "speed_flops_per_s": 1.0},
                "cloudlets": {
                    site: {
                        "memory_bytes": sum(blocks.values()),
                        "speed_flops_per_s": 1.0,
                        "resident": resident[site],
                        "queue_s": float(self.queue[column]),
                    }
                    for column, site in enumerate(self.names)
                },
                "links": [
                    {
                        "between": [nodes[u], nodes[v]],
                        "bandwidth_bps": float(round(8 * GIGABYTE / weight)),
                        "latency_s": 0.0,
                    }
                    for u, v, weight in self.links
                ],
                "requests": self._requests(models),
                "sources": "peers",
                "waiting": "parallel",
            }
        )

    def _requests(self, models: list[str]) -> dict[str, Any]:
        pulling = self.pulling(self.nearest(self.shares), self.nearest(self.holds))
        delay, cost, fits = self.inference + self.transmission, self.cost(pulling), self.fits
        requests = {}
        for request, home in enumerate(self.home.tolist()):
            name = f"r{request + 1:0{len(str(len(self.home)))}d}"
            if not fits[request].any():
                problem = f"no model fits the {self.capacity[home]:g} GB of {self.names[home]!r}, the home of {name!r}"
                raise UsageError(f"{problem}: draw with another seed or more models")
            requests[name] = {
                "node": self.names[home],
                "sites": [self.names[home]],
                "models": {
                    models[model]: {
                        "accuracy": float(self.accuracy[request, model]),
                        "delay_s": float(delay[request, model]),
                        "cost": float(cost[request, model]),
                    }
                    for model in np.flatnonzero(fits[request]).tolist()
                },
                "min_accuracy": float(self.floor[request]),
                "max_cost": float(self.budget[request]),
                "input_bits": 0.0,
                "samples": 0,
            }
        return requests

"""Seeded small instances of `pulling` that are hard on methods: ties, zeros, residents, tight memories and limits.

All numbers are short, so that a limit is often met exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.pulling.instance import PullingInstance


def pick(rng: np.random.Generator, *values: Any) -> Any:
    """Draw one of the values."""
    return values[int(rng.integers(len(values)))]


def random_library(rng: np.random.Generator, models: int, blocks: int) -> ModelLibrary:
    """Draw models of random blocks; some blocks have no bytes, some models no blocks."""
    sizes = {f"b{block}": int(rng.integers(0, 7)) for block in range(blocks)}
    return ModelLibrary(
        name="random",
        blocks=sizes,
        models={
            f"m{model}": Model(
                blocks=[block for block in sizes if rng.random() < 0.4],
                task=pick(rng, "see", "see", "hear"),
                accuracy=pick(rng, 0.5, 0.7, 0.9),
                flops_per_sample=pick(rng, 0.0, 1.0, 2.0, 2.5, 7.0),
            )
            for model in range(models)
        },
    )


def random_instance(
    seed: int,
    requests: int = 4,
    models: int = 4,
    cloudlets: int = 2,
    blocks: int = 5,
    cloud: float = 0.9,
    seconds: float = 1.0,
    far: float = 0.0,
    operations: float = 1.0,
    waiting: str | None = None,
    sources: str = "cloud",
) -> PullingInstance:
    """Draw an instance; with probability 1 - `cloud` the cloud hangs on no link.

    With `waiting`, cloudlets have queues, more resident blocks and room for more, and requests sites and offers. All
    times are multiplied by `seconds`, all operations by `operations`; each link of the cloud takes `far` longer.
    """
    rng = np.random.default_rng(seed)
    library = random_library(rng, models, blocks)
    limited = rng.random() < 0.5
    data: dict[str, Any] = {
        "name": f"random-{seed}",
        "library": library,
        "cloud": {"name": "cloud", "speed_flops_per_s": pick(rng, 2.0, 10.0)},
        "routing": pick(rng, "shortest", "shortest", "direct"),
        "cloudlets": {f"v{site}": _cloudlet(rng, library, limited) for site in range(cloudlets)},
        "requests": {f"r{number}": _request(rng, library, cloudlets) for number in range(requests)},
    }
    nodes = [f"v{site}" for site in range(cloudlets)] + ["entry"]
    pairs = [(a, b) for index, a in enumerate(nodes) for b in nodes[index + 1 :] if rng.random() < 0.7]
    if rng.random() < cloud:
        pairs += [("cloud", node) for node in nodes if rng.random() < 0.7]
    pairs.append(("entry", "v0"))
    data["links"] = [
        {"between": list(pair), "bandwidth_bps": pick(rng, 3.0, 6.0, 8.0, 40.0), "latency_s": pick(rng, 0.0, 0.5, 1.0)}
        for pair in pairs
    ]
    if waiting is not None:
        data |= {"waiting": waiting, "sources": sources}
        _extend(data, np.random.default_rng([seed, 1]))
    _stretch(data, seconds, far, operations)
    return PullingInstance.from_dict(data)


def _extend(data: dict[str, Any], rng: np.random.Generator) -> None:
    """Add queues, resident blocks, sites and offers."""
    library, sites = data["library"], [*data["cloudlets"], "cloud"]
    for place in (data["cloud"], *data["cloudlets"].values()):
        if rng.random() < 0.3:
            place["queue_s"] = pick(rng, 0.0, 0.5, 2.0)
    for cloudlet in data["cloudlets"].values():
        known = cloudlet.get("resident", [])
        added = [block for block in library.blocks if block not in known and rng.random() < 0.2]
        cloudlet["memory_bytes"] += sum(library.blocks[block] for block in added) + pick(rng, 0, 0, 0, 20)
        if known or added:
            cloudlet["resident"] = known + added
    for request in data["requests"].values():
        if rng.random() < 0.3:
            request["sites"] = [site for site in sites if rng.random() < 0.7] or [pick(rng, *sites)]
        if rng.random() < 0.5:
            names = [str(name) for name in rng.permutation(list(library.models))[: int(rng.integers(1, 5))]]
            request["models"] = {name: _offer(rng) for name in names}
            if rng.random() < 0.3:
                request["min_accuracy"] = pick(rng, 0.0, 0.4, 0.5)
            if rng.random() < 0.3:
                request["max_cost"] = pick(rng, 1.0, 1.0, 2.0)


def _offer(rng: np.random.Generator) -> dict[str, Any]:
    offer = {"cost": pick(rng, 0.0, 1.0, 1.0, 3.0), "delay_s": pick(rng, 0.0, 0.0, 1.0, 2.5)}
    return {**offer, "accuracy": pick(rng, 0.4, 0.5, 0.8)} if rng.random() < 0.5 else offer


def _stretch(data: dict[str, Any], seconds: float, far: float, operations: float) -> None:
    for link in data["links"]:
        link["bandwidth_bps"] /= seconds
        link["latency_s"] = link["latency_s"] * seconds + (far if "cloud" in link["between"] else 0.0)
    for request in data["requests"].values():
        if isinstance(offers := request.get("models"), dict):
            for offer in offers.values():
                offer["delay_s"] = seconds * offer.get("delay_s", 0.0)
    for place in (data["cloud"], *data["cloudlets"].values()):
        if "queue_s" in place:
            place["queue_s"] *= seconds
        place["speed_flops_per_s"] *= operations / seconds
        if "compute_flops" in place:
            place["compute_flops"] *= operations
        if isinstance(override := place.get("pull_delay_s"), dict):
            place["pull_delay_s"] = {block: seconds * value for block, value in override.items()}
        elif override is not None:
            place["pull_delay_s"] = seconds * override
    library = data["library"]
    models = {
        name: Model(**{**model.to_dict(), "flops_per_sample": operations * model.flops_per_sample})
        for name, model in library.models.items()
    }
    data["library"] = ModelLibrary(name=library.name, blocks=dict(library.blocks), models=models)


def _cloudlet(rng: np.random.Generator, library: ModelLibrary, limited: bool) -> dict[str, Any]:
    resident = [block for block in library.blocks if rng.random() < 0.15]
    taken = sum(library.blocks[block] for block in resident)
    cloudlet: dict[str, Any] = {
        "memory_bytes": taken + int(rng.integers(0, 16)),
        "speed_flops_per_s": pick(rng, 1.0, 4.0, 10.0),
    }
    if resident:
        cloudlet["resident"] = resident
    if limited and rng.random() < 0.8:
        cloudlet["compute_flops"] = pick(rng, 0.0, 2.0, 4.5, 7.0, 14.0, 30.0)
    override = rng.random()
    if override < 0.2:
        cloudlet["pull_delay_s"] = pick(rng, 0.0, 1.0, 3.0)
    elif override < 0.35:
        cloudlet["pull_delay_s"] = {block: pick(rng, 0.0, 2.0) for block in library.blocks if rng.random() < 0.6}
    return cloudlet


def _request(rng: np.random.Generator, library: ModelLibrary, cloudlets: int) -> dict[str, Any]:
    request: dict[str, Any] = {
        "node": pick(rng, "entry", "entry", *(f"v{site}" for site in range(cloudlets))),
        "input_bits": pick(rng, 0.0, 4.0, 12.0),
        "samples": pick(rng, 0, 1, 1, 2),
        "count": pick(rng, 1, 1, 2),
    }
    if rng.random() < 0.3:
        count = int(rng.integers(1, len(library.models) + 1))
        return {**request, "models": [str(name) for name in rng.permutation(list(library.models))[:count]]}
    return {**request, "task": pick(rng, "see", "see", "see", "hear"), "min_accuracy": pick(rng, 0.0, 0.5, 0.6)}

"""Seeded small instances of `placement` that are hard on methods: ties, zeros, full and empty nodes, repeated rows."""

from __future__ import annotations

import numpy as np

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.placement.instance import Demand, Node, PlacementInstance


def random_instance(seed: int, *, nodes: int | None = None, models: int | None = None) -> PlacementInstance:
    """Draw an instance of at most 3 nodes and 7 models (fewer models with more nodes)."""
    rng = np.random.default_rng([seed, 4])
    nodes = int(rng.integers(1, 4)) if nodes is None else nodes
    models = int(rng.integers(*{1: (2, 9), 2: (2, 7), 3: (1, 5)}[nodes])) if models is None else models
    blocks = {f"b{number}": int(rng.integers(0, 9)) for number in range(rng.integers(models, 2 * models + 1))}
    names = list(blocks)
    library = ModelLibrary(
        name="random",
        blocks=blocks,
        models={
            f"m{number}": Model(blocks=rng.choice(names, min(len(names), rng.integers(0, 5)), replace=False).tolist())
            for number in range(models)
        },
    )
    total = max(1, sum(blocks.values()))
    real = rng.random() < 0.4
    return PlacementInstance(
        name=f"random{seed}",
        library=library,
        nodes={f"n{number}": Node(storage_bytes=int(total * rng.uniform(0.1, 0.6))) for number in range(nodes)},
        demand=[
            Demand(
                user=f"u{rng.integers(0, 4)}",
                model=f"m{rng.integers(0, models)}",
                weight=float(rng.integers(0, 40)) / 7 if real else int(rng.integers(0, 12)),
                nodes=[f"n{number}" for number in range(nodes) if rng.random() < 0.7],
            )
            for _ in range(0 if rng.random() < 0.05 else rng.integers(models, 6 * models + 1))
        ],
    )


def scaled_instance(seed: int) -> PlacementInstance:
    """Draw an instance with weights of any size from 1e-12 to 1e12, of one size or mixed, and nodes that fill exactly.

    A third of the instances has weights of one size, with ties; a third mixes all sizes; a third has whole numbers.
    """
    plain = random_instance(seed)
    rng = np.random.default_rng([seed, 9])
    kind, exponent = seed % 3, rng.uniform(-12, 12)

    def weight() -> int | float:
        digit = int(rng.integers(0, 6))
        if kind == 0:
            return digit * 10.0**exponent
        return digit * 10.0 ** rng.uniform(-12, 12) if kind == 1 else digit * 10 ** int(rng.integers(0, 12))

    sets = [rng.choice(list(plain.library.models), rng.integers(0, 3)) for _ in plain.nodes]
    unions = [{block for model in chosen for block in plain.library.models[model].blocks} for chosen in sets]
    exact = [sum(plain.library.blocks[block] for block in union) for union in unions]
    return PlacementInstance(
        name=f"scaled{seed}",
        library=plain.library,
        nodes={name: Node(storage_bytes=size) for name, size in zip(plain.nodes, exact, strict=True)},
        demand=[Demand(user=row.user, model=row.model, weight=weight(), nodes=row.nodes) for row in plain.demand],
    )

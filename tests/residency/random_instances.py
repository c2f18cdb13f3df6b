"""Seeded small instances of `residency` that are hard on methods: ties, zeros, shared blocks, memory to the byte."""

from __future__ import annotations

import numpy as np

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.residency.instance import ResidencyInstance


def random_instance(seed: int) -> ResidencyInstance:
    """Draw an instance of at most 5 models, 6 blocks and 11 requests; in some a model does not fit.

    A third has sizes near 2**40 that differ by bytes; a third has seconds of any size.
    """
    rng = np.random.default_rng([seed, 17])
    models, count = int(rng.integers(1, 6)), int(rng.integers(1, 7))
    large, scaled = seed % 3 == 1, seed % 3 == 2
    sizes = rng.integers(0, 6, count) + (2**40 if large else 0)
    blocks = {f"b{number}": int(size) for number, size in enumerate(sizes)}
    names = list(blocks)
    held = [rng.choice(names, rng.integers(0, min(3, count) + 1), replace=False).tolist() for _ in range(models)]
    if rng.random() < 0.4:  # whole models, as most servers have them
        blocks = {f"b{number}": int(rng.integers(1, 7)) + (2**40 if large else 0) for number in range(models)}
        held = [[f"b{number}"] for number in range(models)]
    library = ModelLibrary(
        name="random", blocks=blocks, models={f"m{n}": Model(blocks=own) for n, own in enumerate(held)}
    )
    requests = [f"m{number}" for number in rng.integers(0, models, rng.integers(0, 12))]
    largest = max((library.size_bytes(model) for model in requests), default=0)
    chosen = rng.choice(list(library.models), rng.integers(1, models + 1), replace=False)
    memory = library.union_bytes(chosen.tolist()) + int(rng.integers(-1, 2))  # to the byte, or one off
    if rng.random() < 0.9:
        memory = max(largest, memory)

    def seconds() -> float:
        digit = float(rng.integers(0, 5))
        return digit * 10.0 ** rng.integers(-9, 9) if scaled else digit / 2

    return ResidencyInstance(
        name=f"random{seed}",
        library=library,
        memory_bytes=max(0, memory),
        load_s={block: seconds() for block in blocks},
        fixed_s={model: seconds() for model in library.models if rng.random() < 0.5} if rng.random() < 0.5 else {},
        requests=requests,
        past={f"m{number}": int(rng.integers(0, 9)) for number in range(models)} if rng.random() < 0.5 else {},
    )

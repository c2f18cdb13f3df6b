"""Seeded small instances of `loading`, hard on methods: exact ties, zeros, small memories, all kinds of sharing.

All numbers are short decimals, so that a deadline is often met to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.loading.instance import LoadingInstance, Server, User

STRUCTURES = ("none", "backbone", "tree", "interval", "crossing", "random", "dense")


def random_library(rng: np.random.Generator, structure: str, models: int, largest_block: int = 6) -> ModelLibrary:
    """Draw a library whose blocks are shared as `structure` says; some blocks have no bytes, some models no blocks."""
    holders = list(HOLDERS[structure](rng, models))
    holders += [{model} for model in range(models) if rng.random() < 0.8]
    rng.shuffle(holders)
    blocks = {f"b{number}": int(rng.integers(0, largest_block + 1)) for number in range(len(holders))}
    return ModelLibrary(
        name=structure,
        blocks=blocks,
        models={
            f"m{model}": Model(
                blocks=[name for name, held_by in zip(blocks, holders, strict=True) if model in held_by],
                compute_fixed_s=pick(rng, 0.0, 0.5, 1.0, 2.5),
                compute_per_sample_s=pick(rng, 0.0, 0.1, 0.5, 1.0),
                workspace_bytes_per_sample=pick(rng, 0, 1, 2, 5),
            )
            for model in range(models)
        },
    )


def pick(rng: np.random.Generator, *values: Any) -> Any:
    """Draw one of the values, as itself."""
    return values[rng.integers(len(values))]


def _tree(rng: np.random.Generator, models: int) -> Iterator[set[int]]:
    """Cut a line of models into nested pieces; each piece of two or more is a block, or two."""
    pieces = [list(map(int, rng.permutation(models)))]
    while pieces:
        piece = pieces.pop()
        if len(piece) > 1:
            for _ in range(rng.integers(0, 3)):
                yield set(piece)
            cuts = sorted(rng.choice(np.arange(1, len(piece)), size=rng.integers(1, min(3, len(piece))), replace=False))
            pieces += [piece[low:high] for low, high in zip([0, *cuts], [*cuts, len(piece)], strict=True)]


def _backbone(rng: np.random.Generator, models: int) -> Iterator[set[int]]:
    cluster = rng.integers(0, max(1, models // 2), size=models)
    for label in np.unique(cluster):
        yield {int(model) for model in np.flatnonzero(cluster == label)}


def _interval(rng: np.random.Generator, models: int) -> Iterator[set[int]]:
    """Draw models in a row; every block is held by neighbours."""
    for _ in range(models):
        low, high = sorted(rng.integers(0, models, size=2))
        yield set(range(int(low), int(high) + 1))


def _crossing(rng: np.random.Generator, models: int) -> Iterator[set[int]]:
    """Draw two or three ways to sort the models into kinds, such as backbones and vision towers."""
    for _ in range(rng.integers(2, 4)):
        kind = rng.integers(0, 3, size=models)
        for label in (1, 2):
            if (kind == label).any():
                yield {int(model) for model in np.flatnonzero(kind == label)}


def _random(rng: np.random.Generator, models: int) -> Iterator[set[int]]:
    for _ in range(models):
        size = int(rng.integers(1, min(3, models) + 1))
        yield {int(model) for model in rng.choice(models, size=size, replace=False)}


def _dense(rng: np.random.Generator, models: int) -> Iterator[set[int]]:
    for _ in range(2 * models):
        holders = {int(model) for model in np.flatnonzero(rng.random(models) < 0.5)}
        if holders:
            yield holders


HOLDERS: dict[str, Any] = {
    "none": lambda rng, models: iter(()),
    "backbone": _backbone,
    "tree": _tree,
    "interval": _interval,
    "crossing": _crossing,
    "random": _random,
    "dense": _dense,
}


def random_instance(
    seed: int, structure: str | None = None, models: int = 5, users: int = 7, one_deadline: bool = True
) -> LoadingInstance:
    """Draw an instance of at most so many models and users; sometimes there are no users, or no time, or no memory.

    Parameters
    ----------
    seed : int
    structure : str, optional
        One of `STRUCTURES`; default: by the seed.
    models, users : int
        Largest numbers; small ones occur too.
    one_deadline : bool
        False draws a deadline for each user.
    """
    rng = np.random.default_rng(seed)
    structure = structure or STRUCTURES[seed % len(STRUCTURES)]
    library = random_library(rng, structure, int(rng.integers(max(1, models // 2), models + 1)))
    names = list(library.models)
    sizes = [library.size_bytes(name) for name in names]
    rate = pick(rng, 1.0, 2.0, 2.5, 10.0)
    ample = rng.random() < 0.5  # every model can serve someone, so that the order of models matters
    count = 0 if rng.random() < 0.02 else int(rng.integers(max(1, users // 2), users + 1))
    asked = [
        User(
            model=names[number % len(names) if ample else rng.integers(len(names))],
            upload_bits=float(pick(rng, 0, 1, 1, 2, 3, 8, 50)),
            spectral_efficiency=pick(rng, 0.5, 1.0, 2.0, 2.5),
            deadline_s=0.0,
        )
        for number in range(count)
    ]
    work = library.union_bytes({user.model for user in asked}) / rate
    work += sum(min(5.0, user.upload_bits / (2 * user.spectral_efficiency)) + 1.0 for user in asked)
    common = round(work * (rng.uniform(0.6, 1.2) if ample else rng.uniform(0.0, 1.1)), 1)
    deadlines = [common if one_deadline else round(common * rng.uniform(0.2, 1.4), 1) for _ in asked]
    return LoadingInstance(
        name=f"{structure}-{seed}",
        library=library,
        server=Server(
            memory_bytes=int(rng.integers(max(sizes) + 5 if ample else min(sizes), max(sizes) + 12)),
            load_rate_bytes_per_s=rate,
        ),
        bandwidth_hz=pick(rng, 1.0, 2.0, 4.0),
        users={
            f"u{number}": user.model_copy(update={"deadline_s": deadline})
            for number, (user, deadline) in enumerate(zip(asked, deadlines, strict=True))
        },
    )

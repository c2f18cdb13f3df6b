"""Random model libraries with a chosen sharing structure, of any size, from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil, isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import UsageError, suggestion
from edgeopt.libraries.library import Model, ModelLibrary

MODEL_BYTES = 100_000_000  # median size of a model; ResNet-50 in single precision takes 102 MB
SHARED_FRACTION = 0.6

Sizes = NDArray[np.float64]


class RandomDraft:
    """A draft of a library: models by number, blocks with relative or final sizes.

    Attributes
    ----------
    rng : numpy.random.Generator
    models : int
        Number of models.
    private : numpy.ndarray of float64, shape (models,)
        Bytes of each model's own block.
    blocks : dict of str to (float, list of int)
        Shared blocks: size and the models that hold it, in the order of the draft.
    """

    def __init__(self, models: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.models = models
        self.private: Sizes = MODEL_BYTES * self.spread(models)
        self.blocks: dict[str, tuple[float, list[int]]] = {}

    def spread(self, count: int) -> Sizes:
        """Return the log-normal factors of median 1; two thirds of them lie between 0.6 and 1.6."""
        return np.exp(0.5 * self.rng.standard_normal(count))

    def share(self, name: str, members: Iterable[int], size: float | None = None) -> None:
        """Add a block of the given or a random relative size, held by these models."""
        holders = sorted({int(member) for member in members})
        if len(holders) > 1:
            self.blocks[name] = (float(self.spread(1)[0]) if size is None else size, holders)

    def choose(self, pool: int | NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """Draw distinct models, at most as many as there are."""
        available = pool if isinstance(pool, int) else len(pool)
        return self.rng.choice(pool, size=min(count, available), replace=False)

    def scale(self, shared_fraction: float) -> None:
        """Scale shared and private blocks so that shared ones make this fraction of all models' bytes."""
        shared = sum(size * len(members) for size, members in self.blocks.values())
        if shared == 0:
            return
        factor = shared_fraction * float(self.private.sum()) / shared
        self.blocks = {name: (size * factor, members) for name, (size, members) in self.blocks.items()}
        self.private *= 1 - shared_fraction


def _random(draft: RandomDraft) -> None:
    for number in range(draft.models):
        draft.share(f"shared{number}", draft.choose(draft.models, int(draft.rng.integers(2, 7))))


def _grid(draft: RandomDraft) -> None:
    columns = ceil(draft.models**0.5)
    for row in range(ceil(draft.models / columns)):
        draft.share(f"backbone{row}", range(row * columns, min((row + 1) * columns, draft.models)))
    for column in range(columns):
        draft.share(f"head{column}", range(column, draft.models, columns))


def _tree(draft: RandomDraft) -> None:
    groups = [np.arange(draft.models)]
    number = 0
    while groups:
        group = groups.pop()
        for part in np.array_split(group, int(draft.rng.integers(2, 5))):
            if len(part) > 1:
                draft.share(f"node{number}", part)
                number += 1
                groups.append(part)


def _backbone(draft: RandomDraft) -> None:
    start = 0
    while start < draft.models:
        end = start + int(draft.rng.integers(3, 9))
        draft.share(f"backbone{start}", range(start, min(end, draft.models)))
        start = end


def _interval(draft: RandomDraft) -> None:
    for number in range(draft.models):
        length = int(draft.rng.integers(2, 7))
        start = int(draft.rng.integers(0, max(1, draft.models - length + 1)))
        draft.share(f"interval{number}", range(start, min(start + length, draft.models)))


def _dense(draft: RandomDraft) -> None:
    for number in range(draft.models):
        draft.share(f"shared{number}", draft.choose(draft.models, max(2, draft.models // 4)))


def _freeze_depth(draft: RandomDraft, crossing: float = 0.5) -> None:
    """Add fine-tuned families: the stages up to the freezing depth are the family's, the rest are the models' own.

    Deeper stages are larger, as in convolutional networks. Some blocks (a detection head, a tokenizer) are common
    to models of different families; they cross the families' stages.
    """
    stages = 5
    stage_weight = 2.0 ** np.arange(stages)
    families = max(2, isqrt(draft.models))
    family = draft.rng.integers(0, families, draft.models)
    depth = draft.rng.integers(1, stages + 1, draft.models)
    for index, scale in enumerate(draft.spread(families)):
        for stage in range(stages):
            members = np.flatnonzero((family == index) & (depth > stage))
            draft.share(f"family{index}/stage{stage + 1}", members, float(scale * stage_weight[stage]))
    frozen = np.cumsum(stage_weight)[depth - 1] / stage_weight.sum()
    draft.private *= 1.2 - frozen
    partners = 4
    for number in range(round(crossing * draft.models / partners)):
        draft.share(f"common{number}", draft.choose(draft.models, partners), float(4 * draft.spread(1)[0]))


def _lora_towers(draft: RandomDraft, crossing: float = 0.5) -> None:
    """Add groups of two language-model bases, LoRA adapters for them, and three vision towers used with both bases.

    Sizes are those of such models: bases 6 to 16 GB in half precision, towers 0.3 to 1.2 GB, adapters 10 to 200 MB.
    A share `crossing` of the models has a tower. In a group at most 8 pairs (base, tower or none) occur.
    """
    rng = draft.rng
    groups = max(1, round(draft.models / 50))
    group = rng.integers(0, groups, draft.models)
    base = rng.integers(0, 2, draft.models)
    tower = np.where(rng.random(draft.models) < crossing, rng.integers(0, 3, draft.models), -1)
    for index in range(groups):
        for kind, choice, count, low, high in (("base", base, 2, 6e9, 16e9), ("tower", tower, 3, 0.3e9, 1.2e9)):
            for number in range(count):
                size = float(rng.uniform(low, high))
                draft.share(f"group{index}/{kind}{number}", np.flatnonzero((group == index) & (choice == number)), size)
    draft.private = np.exp(rng.uniform(np.log(10e6), np.log(200e6), draft.models))


# Sharing structures by name: the builder, and what the models are.
_VISION, _LANGUAGE = "vision", "language"
SHARING: dict[str, tuple[Callable[..., None], str]] = {
    "random": (_random, _VISION),
    "grid": (_grid, _VISION),
    "tree": (_tree, _VISION),
    "backbone": (_backbone, _VISION),
    "interval": (_interval, _VISION),
    "dense": (_dense, _VISION),
    "freeze-depth": (_freeze_depth, _VISION),
    "lora-towers": (_lora_towers, _LANGUAGE),
}
WITH_CROSSING = ("freeze-depth", "lora-towers")


def _model_keys(kind: str, draft: RandomDraft) -> list[dict[str, Any]]:
    """Draw accuracy, operations, computing times and workspace of each model."""
    rng, models = draft.rng, draft.models
    if kind == _VISION:
        # A GPU runs vision models at hundreds to a thousand images per second; activations take tens of MB.
        fixed, sample = rng.uniform(2e-3, 8e-3, models), rng.uniform(0.5e-3, 2.5e-3, models)
        workspace, flops = rng.uniform(50e6, 500e6, models), rng.uniform(2e9, 30e9, models)
    else:
        # A batched answer of some tens of tokens; the cache of keys and values takes half a MB per token.
        fixed, sample = rng.uniform(0.05, 0.2, models), rng.uniform(0.005, 0.02, models)
        workspace, flops = rng.uniform(0.2e9, 1e9, models), rng.uniform(2e12, 8e12, models)
    accuracy = rng.uniform(0.6, 0.95, models)
    return [
        {
            "accuracy": round(float(accuracy[index]), 3),
            "flops_per_sample": float(f"{flops[index]:.3g}"),
            "compute_fixed_s": float(f"{fixed[index]:.3g}"),
            "compute_per_sample_s": float(f"{sample[index]:.3g}"),
            "workspace_bytes_per_sample": int(workspace[index]),
        }
        for index in range(models)
    ]


def generate_library(
    sharing: str = "random",
    models: int = 60,
    seed: int = 0,
    shared_fraction: float | None = None,
    crossing: float | None = None,
    name: str | None = None,
) -> ModelLibrary:
    """Draw a model library.

    Parameters
    ----------
    sharing : str
        How blocks are shared; every model also has a block of its own.

        - ``random``: as many shared blocks as models, each in 2 to 6 random models.
        - ``grid``: each model joins one backbone (its row) and one head (its column).
        - ``tree``: nested groups, split at random into 2 to 4 parts.
        - ``backbone``: clusters of 3 to 8 models with one common block.
        - ``interval``: blocks in 2 to 6 models that are neighbours on a line.
        - ``dense``: as many shared blocks as models, each in a quarter of the models.
        - ``freeze-depth``: families fine-tuned with several freezing depths, and blocks common to models of
          different families.
        - ``lora-towers``: language-model bases with LoRA adapters, and vision towers used with several bases.
    models : int
        Number of models, at least 1.
    seed : int
        Same arguments and seed, same library.
    shared_fraction : float, optional
        Part of the bytes, counted model by model, that lies in shared blocks, 0 to 1; 0.6 when not given. Not for
        ``lora-towers``, whose sizes are absolute.
    crossing : float, optional
        Only ``freeze-depth`` and ``lora-towers``: how many models hold a block that crosses families or bases,
        0 (tree sharing) to 1; 0.5 when not given.
    name : str, optional

    Raises
    ------
    UsageError
        An unknown sharing, or a parameter outside its range.
    """
    if sharing not in SHARING:
        raise UsageError(f"there is no sharing {sharing!r}; {suggestion(sharing, list(SHARING))}")
    if models < 1:
        raise UsageError(f"a library needs at least 1 model, not {models}")
    for key, value in (("shared_fraction", shared_fraction), ("crossing", crossing)):
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"{key} lies between 0 and 1, not {value:g}")
    if crossing is not None and sharing not in WITH_CROSSING:
        raise UsageError(f"sharing {sharing!r} has no parameter 'crossing'; {' and '.join(WITH_CROSSING)} have it")
    if shared_fraction is not None and sharing == "lora-towers":
        raise UsageError("sharing 'lora-towers' has no parameter 'shared_fraction': its sizes are absolute")
    build, kind = SHARING[sharing]
    draft = RandomDraft(models, np.random.default_rng(seed))
    build(draft, **({} if crossing is None else {"crossing": crossing}))
    if kind == _VISION:
        draft.scale(SHARED_FRACTION if shared_fraction is None else shared_fraction)
    return _library(draft, kind, name or f"{sharing}-{models}-seed{seed}")


def _library(draft: RandomDraft, kind: str, name: str) -> ModelLibrary:
    width = len(str(draft.models))
    names = [f"m{number:0{width}d}" for number in range(1, draft.models + 1)]
    blocks = {block: max(1, round(size)) for block, (size, _) in draft.blocks.items()}
    held: list[list[str]] = [[] for _ in names]
    for block, (_, members) in draft.blocks.items():
        for member in members:
            held[member].append(block)
    for index, size in enumerate(draft.private):
        own = f"{names[index]}/own"
        blocks[own] = max(1, round(float(size)))
        held[index].append(own)
    models = {
        model: Model(blocks=held[index], **keys)
        for index, (model, keys) in enumerate(zip(names, _model_keys(kind, draft), strict=True))
    }
    return ModelLibrary(name=name, blocks=blocks, models=models)

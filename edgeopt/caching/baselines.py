"""The worlds that gains are measured against: worlds without sharing, cooperation or migration, and random caches.

A world is an instance of its own (or other beams), solved like any; its caches are then judged in the given instance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.beamforming.channels import Beams, Channels, Pairs
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.tables import DelayTables

Integers = NDArray[np.int64]


def without_migration(instance: CachingInstance) -> CachingInstance:
    """Return the instance without links between nodes: what a node does not cache comes from the cloud."""
    data = instance.to_dict()
    return CachingInstance.from_dict({**data, "backhaul": {**data["backhaul"], "links": []}})


def without_sharing(instance: CachingInstance) -> CachingInstance:
    """Return the instance in which each model has its own copy of every block, cached and sent by itself."""
    copies = [
        (name, block, _copy(number, block))
        for number, (name, model) in enumerate(instance.library.models.items())
        for block in model.blocks
    ]
    return _with_library(
        instance,
        {copy: instance.library.blocks[block] for _, block, copy in copies},
        {model: [copy for holder, _, copy in copies if holder == model] for model in instance.library.models},
    )


def whole_models(instance: CachingInstance) -> CachingInstance:
    """Return the instance in which each model is one block, cached and sent as a whole."""
    names = {model: _copy(number, "whole") for number, model in enumerate(instance.library.models)}
    return _with_library(
        instance,
        {names[model]: instance.library.size_bytes(model) for model in instance.library.models},
        {model: [name] for model, name in names.items()},
    )


def _copy(number: int, block: str) -> str:
    """Name of a model's own copy of a block; the number keeps names apart."""
    return f"{number}:{block}"


def _with_library(instance: CachingInstance, blocks: dict[str, int], held: dict[str, list[str]]) -> CachingInstance:
    data = instance.to_dict()
    models = {model: {**data["library"]["models"][model], "blocks": names} for model, names in held.items()}
    return CachingInstance.from_dict({**data, "library": {**data["library"], "blocks": blocks, "models": models}})


def caches_back(instance: CachingInstance, tables: DelayTables, world: DelayTables, masks: Integers) -> Integers:
    """Return where the instance caches its blocks when a world of copies caches theirs at `masks`.

    A node that caches any copy of a block, or a whole model that holds it, caches the block once; that takes no more
    bytes than the copies.
    """
    row = {block: index for index, block in enumerate(tables.requests.blocks)}
    whole_masks = np.zeros(len(row), np.int64)
    models = list(instance.library.models.values())
    for copy, mask in zip(world.requests.blocks, masks, strict=True):
        number, _, name = copy.partition(":")
        model = models[int(number)]
        for block in [name] if name in model.blocks else model.blocks:
            if block in row:
                whole_masks[row[block]] |= mask
    return whole_masks


def alone(channels: Channels, pairs: Pairs) -> Beams:
    """Return beams of single nodes only: a set of several has no rate of its own, only that of its best member."""
    single = (pairs.nodes >= 0).sum(axis=1) == 1
    beams = dual(channels, Pairs(pairs.nodes[single], pairs.users[single]))
    amplitudes = np.zeros(len(pairs))
    vectors = np.zeros((len(pairs), pairs.nodes.shape[1], channels.scaled.shape[2]), np.complex128)
    amplitudes[single], vectors[single] = beams.amplitudes, beams.vectors
    return Beams(amplitudes, vectors)


def random_masks(tables: DelayTables, seed: int) -> Integers:
    """Cache blocks in random order at each node, as long as they fit; shape (blocks,)."""
    rng = np.random.default_rng(seed)
    masks = np.zeros(len(tables.requests.blocks), np.int64)
    for node, free in enumerate(tables.storage.tolist()):
        for block in rng.permutation(len(masks)).tolist():
            size = int(tables.requests.sizes[block])
            if size <= free:
                free -= size
                masks[block] |= 1 << node
    return masks

"""Checkpoints of a training: a stopped training goes on as if it had never stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edgeopt.caching.agents.arrays_file import read_arrays, write_arrays
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.trainer import Trainer
from edgeopt.caching.agents.world import World
from edgeopt.errors import Finding, InputError, UsageError

CHECKPOINT_FORMAT = "edgeopt-training/1"


def checkpoint_of(policy: Path) -> Path:
    """Return where the checkpoint of a policy's training stands: beside it."""
    return policy.with_name(policy.name + ".checkpoint")


def write_checkpoint(path: Path, trainer: Trainer) -> None:
    """Write the whole state of a training, whole or not at all."""
    header = {"format": CHECKPOINT_FORMAT, "recipe": trainer.recipe.to_dict(), "world": fingerprint(trainer.world)}
    write_arrays(path, header, trainer.arrays())


def read_checkpoint(path: Path, world: World, recipe: Recipe) -> Trainer:
    """Take up a training.

    Raises
    ------
    InputError
        The file is missing, damaged or of another format.
    UsageError
        It is of a training with other slots or settings.
    """
    header, arrays = read_arrays(path, CHECKPOINT_FORMAT, "'edgeopt train'")
    if header.get("world") != fingerprint(world):
        raise UsageError(f"{path} is of a training on other slots; train without --resume, or give the same instances")
    former = Recipe.from_dict(header.get("recipe"), file=path)
    for name, value in recipe.to_dict().items():
        if getattr(former, name) != value:
            raise UsageError(f"{path} is of a training with {name} {getattr(former, name)!r}, not {value!r}")
    trainer = Trainer(world, recipe)
    try:
        trainer.restore(arrays)
    except (KeyError, ValueError, TypeError, RuntimeError, IndexError):
        raise InputError(Finding("$", "the checkpoint is incomplete", "train without --resume"), path) from None
    return trainer


def fingerprint(world: World) -> str:
    """Return the SHA-256 of the slots: blocks, nodes, delays, sizes, storage and rates."""
    digest = hashlib.sha256(repr((world.blocks, world.nodes)).encode())
    for array in (world.delay_s, world.sizes, world.storage, world.cloud, world.link):
        digest.update(array.tobytes())
    return digest.hexdigest()

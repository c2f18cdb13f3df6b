"""Playing slots with chosen moves, for many runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeopt.caching.agents.world import Booleans, Floats, Integers, World

Chooser = Callable[[Integers, Integers, int, Booleans], Integers]


@dataclass(frozen=True)
class Played:
    """Slots that were played.

    Attributes
    ----------
    slots : numpy.ndarray of int64, shape (runs,)
    masks : numpy.ndarray of int64, shape (runs, rounds + 1, blocks)
    moves : numpy.ndarray of int64, shape (runs, rounds, nodes)
    transfer_s : numpy.ndarray of float64, shape (runs, rounds)
    """

    slots: Integers
    masks: Integers
    moves: Integers
    transfer_s: Floats

    def delays(self, world: World) -> Floats:
        """Return the expected total delay in seconds before the first and after each round, (runs, rounds + 1)."""
        return np.stack([world.delays(self.slots, self.masks[:, done]) for done in range(self.masks.shape[1])], axis=1)


def play(world: World, slots: Integers, masks: Integers, rounds: int, choose: Chooser) -> Played:
    """Play slots from given caches.

    Parameters
    ----------
    world : World
    slots : numpy.ndarray of int64, shape (runs,)
    masks : numpy.ndarray of int64, shape (runs, blocks)
    rounds : int
    choose : callable
        Slots, caches, number of rounds played and legal moves to the moves, shape (runs, nodes).
    """
    runs = len(slots)
    caches = np.zeros((runs, rounds + 1, len(world.blocks)), np.int64)
    moves = np.zeros((runs, rounds, len(world.nodes)), np.int64)
    transfer_s = np.zeros((runs, rounds))
    caches[:, 0] = masks
    for done in range(rounds):
        now = caches[:, done]
        moves[:, done] = choose(slots, now, done, world.legal(now))
        caches[:, done + 1], transfer_s[:, done] = world.step(now, moves[:, done])
    return Played(slots, caches, moves, transfer_s)


def empty(world: World, runs: int) -> Integers:
    """Empty caches, shape (runs, blocks)."""
    return np.zeros((runs, len(world.blocks)), np.int64)


def random_moves(legal: Booleans, rng: np.random.Generator) -> Integers:
    """Return a random legal move for each node, shape (runs, nodes)."""
    return np.where(legal, rng.random(legal.shape), -1.0).argmax(axis=-1)

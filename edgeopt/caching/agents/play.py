"""Playing slots with chosen moves, for many runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeopt.caching.agents.world import Booleans, Floats, Integers, World

Chooser = Callable[[Integers, Integers, int, Booleans], Integers]


@dataclass(frozen=True)
class Played:
    """Slots that were played. A step is a round in which all nodes move at once, or one node's turn in it.

    Attributes
    ----------
    slots : numpy.ndarray of int64, shape (runs,)
    masks : numpy.ndarray of int64, shape (runs, steps + 1, blocks)
    moves : numpy.ndarray of int64, shape (runs, steps, nodes)
    transfer_s : numpy.ndarray of float64, shape (runs, steps)
    """

    slots: Integers
    masks: Integers
    moves: Integers
    transfer_s: Floats

    def delays(self, world: World) -> Floats:
        """Return the expected total delay in seconds before the first and after each step, (runs, steps + 1)."""
        return np.stack([world.delays(self.slots, self.masks[:, done]) for done in range(self.masks.shape[1])], axis=1)


def play(world: World, slots: Integers, masks: Integers, steps: int, choose: Chooser, in_turn: bool = False) -> Played:
    """Play slots from given caches.

    Parameters
    ----------
    world : World
    slots : numpy.ndarray of int64, shape (runs,)
    masks : numpy.ndarray of int64, shape (runs, blocks)
    steps : int
    choose : callable
        Slots, caches, number of steps played and legal moves to the moves, shape (runs, nodes).
    in_turn : bool
        Each step is the turn of one node.
    """
    runs = len(slots)
    caches = np.zeros((runs, steps + 1, len(world.blocks)), np.int64)
    moves = np.zeros((runs, steps, len(world.nodes)), np.int64)
    transfer_s = np.zeros((runs, steps))
    caches[:, 0] = masks
    for done in range(steps):
        now = caches[:, done]
        legal = world.legal(now)
        moves[:, done] = choose(slots, now, done, on_turn(legal, np.full(runs, done)) if in_turn else legal)
        caches[:, done + 1], transfer_s[:, done] = world.step(now, moves[:, done])
    return Played(slots, caches, moves, transfer_s)


def empty(world: World, runs: int) -> Integers:
    """Empty caches, shape (runs, blocks)."""
    return np.zeros((runs, len(world.blocks)), np.int64)


def on_turn(legal: Booleans, steps: Integers) -> Booleans:
    """Leave the legal moves to the node whose turn it is after these steps; the others wait.

    Parameters
    ----------
    legal : numpy.ndarray of bool, shape (runs, nodes, moves)
    steps : numpy.ndarray of int64, shape (runs,)
    """
    _, nodes, moves = legal.shape
    acting = np.arange(nodes) == (steps % nodes)[:, None]
    return legal & (acting[:, :, None] | (np.arange(moves) == 0))


def random_moves(legal: Booleans, rng: np.random.Generator) -> Integers:
    """Return a random legal move for each node, shape (runs, nodes)."""
    return np.where(legal, rng.random(legal.shape), -1.0).argmax(axis=-1)

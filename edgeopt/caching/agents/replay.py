"""Memory of played slots, and transitions drawn from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.agents.world import Floats, Integers


@dataclass(frozen=True)
class Transitions:
    """Transitions: what agents saw, did and gained.

    Attributes
    ----------
    slots : numpy.ndarray of int64, shape (batch,)
    masks, following : numpy.ndarray of int64, shape (batch, blocks)
        Caches before and after.
    moves : numpy.ndarray of int64, shape (batch, nodes)
    rewards : numpy.ndarray of float64, shape (batch,)
    rounds : numpy.ndarray of int64, shape (batch,)
        Rounds played before.
    """

    slots: Integers
    masks: Integers
    moves: Integers
    rewards: Floats
    following: Integers
    rounds: Integers


class Replay:
    """The last played slots, each with all its rounds.

    Parameters
    ----------
    capacity, rounds, nodes, blocks : int
    """

    def __init__(self, capacity: int, rounds: int, nodes: int, blocks: int) -> None:
        self.slots = np.zeros(capacity, np.int64)
        self.masks = np.zeros((capacity, rounds + 1, blocks), np.int16)
        self.moves = np.zeros((capacity, rounds, nodes), np.int16)
        self.rewards = np.zeros((capacity, rounds), np.float64)
        self.size = 0
        self.place = 0

    def add(self, slots: Integers, masks: Integers, moves: Integers, rewards: Floats) -> None:
        """Remember played slots, shapes (runs,), (runs, rounds + 1, blocks), (runs, rounds, nodes), (runs, rounds)."""
        where = (self.place + np.arange(len(slots))) % len(self.slots)
        self.slots[where], self.masks[where], self.moves[where], self.rewards[where] = slots, masks, moves, rewards
        self.place = (self.place + len(slots)) % len(self.slots)
        self.size = min(len(self.slots), self.size + len(slots))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Return the numbers of played slots and of rounds, shape (count,) each."""
        return rng.integers(self.size, size=count), rng.integers(self.moves.shape[1], size=count)

    def transitions(self, played: Integers, rounds: Integers) -> Transitions:
        """Return the transitions of these rounds."""
        return Transitions(
            slots=self.slots[played],
            masks=self.masks[played, rounds].astype(np.int64),
            moves=self.moves[played, rounds].astype(np.int64),
            rewards=self.rewards[played, rounds],
            following=self.masks[played, rounds + 1].astype(np.int64),
            rounds=rounds,
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the content as arrays, for a checkpoint."""
        used = slice(0, self.size)
        return {
            "slots": self.slots[used],
            "masks": self.masks[used],
            "moves": self.moves[used],
            "rewards": self.rewards[used],
            "place": np.array(self.place),
        }

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take the content of a checkpoint."""
        self.size, self.place = len(arrays["slots"]), int(arrays["place"])
        for name in ("slots", "masks", "moves", "rewards"):
            getattr(self, name)[: self.size] = arrays[name]

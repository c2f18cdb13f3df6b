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
    steps : numpy.ndarray of int64, shape (batch,)
        Steps of the slot that were played before.
    """

    slots: Integers
    masks: Integers
    moves: Integers
    rewards: Floats
    following: Integers
    steps: Integers


class Replay:
    """The last played slots, each with all its steps.

    Parameters
    ----------
    capacity, steps, nodes, blocks : int
    """

    def __init__(self, capacity: int, steps: int, nodes: int, blocks: int) -> None:
        self.slots = np.zeros(capacity, np.int64)
        self.masks = np.zeros((capacity, steps + 1, blocks), np.int16)
        self.moves = np.zeros((capacity, steps, nodes), np.int16)
        self.rewards = np.zeros((capacity, steps), np.float64)
        self.size = 0
        self.place = 0

    def add(self, slots: Integers, masks: Integers, moves: Integers, rewards: Floats) -> None:
        """Remember played slots, shapes (runs,), (runs, steps + 1, blocks), (runs, steps, nodes), (runs, steps)."""
        where = (self.place + np.arange(len(slots))) % len(self.slots)
        self.slots[where], self.masks[where], self.moves[where], self.rewards[where] = slots, masks, moves, rewards
        self.place = (self.place + len(slots)) % len(self.slots)
        self.size = min(len(self.slots), self.size + len(slots))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Return the numbers of played slots and of steps, shape (count,) each."""
        return rng.integers(self.size, size=count), rng.integers(self.moves.shape[1], size=count)

    def transitions(self, played: Integers, steps: Integers) -> Transitions:
        """Return the transitions of these steps."""
        return Transitions(
            slots=self.slots[played],
            masks=self.masks[played, steps].astype(np.int64),
            moves=self.moves[played, steps].astype(np.int64),
            rewards=self.rewards[played, steps],
            following=self.masks[played, steps + 1].astype(np.int64),
            steps=steps,
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

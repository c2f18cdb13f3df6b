"""An echo state network that predicts caches and rewards: fixed random recurrent units and a ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from edgeopt.caching.agents.observation import Observer
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.replay import Replay, Transitions
from edgeopt.caching.agents.world import Floats, Integers, World

SPECTRAL_RADIUS, LEAK, INPUT_SCALE = 0.5, 0.7, 0.3
RIDGES = (1e-4, 1e-2, 1.0, 1e2, 1e4)
FIT_SLOTS = 600  # played slots of a fit: the latest
LEAST_SLOTS = 64
ECHO_STEPS = 3  # after which the units have nearly forgotten a state


@dataclass(frozen=True)
class Fit:
    """How well the network predicts held-out data.

    Attributes
    ----------
    caches, rewards : float
        R**2.
    """

    caches: float
    rewards: float

    @property
    def least(self) -> float:
        """The worse of both."""
        return min(self.caches, self.rewards)


class EchoState:
    """Predicts next caches and the reward from the state and the joint move (Jaeger 2001).

    The units see the caches, what the moves change, what each node's change brings alone, and its transfer.

    Parameters
    ----------
    world : World
    recipe : Recipe
    """

    def __init__(self, world: World, recipe: Recipe) -> None:
        self.world = world
        self.observer = Observer(world)
        nodes, blocks = len(world.nodes), len(world.blocks)
        self.outputs = nodes * blocks
        rng = np.random.default_rng([recipe.seed, 7])
        inputs = 2 * nodes * blocks + 2 * nodes + 2
        units = recipe.reservoir
        self.inward = INPUT_SCALE * rng.standard_normal((inputs, units))
        inner = rng.standard_normal((units, units)) * (rng.random((units, units)) < 0.1)
        self.inner = inner * (SPECTRAL_RADIUS / max(1e-9, float(np.abs(np.linalg.eigvals(inner)).max())))
        self.readout: Floats = np.zeros((1 + inputs + units, self.outputs + 1))
        self.fit: Fit | None = None

    def inputs(self, slots: Integers, masks: Integers, moves: Integers) -> Floats:
        """Return what the units see, shape (batch, inputs)."""
        world, runs = self.world, len(slots)
        cached = world.cached(masks)
        changed, block = self._changed(moves)
        gain = np.take_along_axis(self.observer.gains(slots, masks), block[:, :, None], axis=2)[:, :, 0]
        held = np.take_along_axis(cached, block[:, :, None], axis=2)[:, :, 0]
        gain = np.where(moves > 0, np.where(held, -gain, gain), 0.0)
        _, transfer_s = world.step(masks, moves)
        sign = np.where(cached, -1.0, 1.0)
        same = changed.sum(axis=1)
        return np.concatenate(
            [
                cached.reshape(runs, -1),
                (changed * sign).reshape(runs, -1),
                gain,
                np.where(moves > 0, np.take_along_axis(same, block, axis=1) - 1, 0.0),
                gain.sum(axis=1, keepdims=True),
                (transfer_s / world.span_s[slots])[:, None],
            ],
            axis=1,
        )

    def _changed(self, moves: Integers) -> tuple[Floats, Integers]:
        """Return which node changes which block, shape (batch, nodes, blocks), and the block of each move."""
        blocks = len(self.world.blocks)
        block = np.where(moves > 0, (moves - 1) % blocks, 0)
        changed = (np.arange(blocks) == block[:, :, None]) & (moves > 0)[:, :, None]
        return changed.astype(np.float64), block

    def step(self, units: Floats, inputs: Floats) -> Floats:
        """Return the next states of the units, shape (batch, units)."""
        return (1 - LEAK) * units + LEAK * np.tanh(_product(inputs, self.inward) + _product(units, self.inner))

    def learn(self, memory: Replay) -> None:
        """Fit the readout: ridge chosen on one held-out part of the latest slots, R**2 stated on another."""
        if memory.size < LEAST_SLOTS:
            return
        count = min(FIT_SLOTS, memory.size)
        played = (memory.place - 1 - np.arange(count)) % len(memory.slots)
        features, goals = self._sequences(memory, played)
        fold = played % 5  # whole slots: three parts to fit, one to choose the ridge, one to judge
        fit, choose, judge = fold < 3, fold == 3, fold == 4
        x, y = _flat(features[fit]), _flat(goals[fit])
        gram, moment = _product(x.T, x), _product(x.T, y)
        readouts = [np.linalg.solve(gram + ridge * np.eye(len(gram)), moment).astype(np.float64) for ridge in RIDGES]
        held_x, held_y = _flat(features[choose]), _flat(goals[choose])
        errors = np.array([((_product(held_x, readout) - held_y) ** 2).mean(axis=0) for readout in readouts])
        for part in (slice(0, self.outputs), slice(self.outputs, None)):  # caches; rewards
            best = int(np.argmin(errors[:, part].mean(axis=1)))
            self.readout[:, part] = readouts[best][:, part]
        predicted, truth = _product(_flat(features[judge]), self.readout), _flat(goals[judge])
        caches = _explained((predicted[:, :-1] > 0.5).astype(np.float64), truth[:, :-1])
        self.fit = Fit(caches, _explained(predicted[:, -1:], truth[:, -1:]))

    def _sequences(self, memory: Replay, played: Integers) -> tuple[Floats, Floats]:
        """Return features and goals of played slots, shapes (slots, steps, features), (slots, steps, outputs + 1)."""
        features, goals = [], []
        for done in range(memory.moves.shape[1]):
            steps = np.full(len(played), done)
            real = memory.transitions(played, steps)
            features.append(self._features(memory, played, steps, real.moves))
            after = self.world.cached(real.following).reshape(len(played), -1)
            goals.append(np.concatenate([after, real.rewards[:, None]], axis=1))
        return np.stack(features, axis=1), np.stack(goals, axis=1)

    def _features(self, memory: Replay, played: Integers, steps: Integers, moves: Integers) -> Floats:
        """Return what the readout sees when these moves follow the remembered steps, shape (batch, features)."""
        units: Floats = np.zeros((len(played), len(self.inner)))
        for lag in range(ECHO_STEPS, 0, -1):
            before = memory.transitions(played, np.maximum(steps - lag, 0))
            later = self.step(units, self.inputs(before.slots, before.masks, before.moves))
            units += (steps >= lag)[:, None] * (later - units)
        real = memory.transitions(played, steps)
        inputs = self.inputs(real.slots, real.masks, moves)
        return np.concatenate([np.ones((len(inputs), 1)), inputs, self.step(units, inputs)], axis=1)

    def imagine(self, memory: Replay, played: Integers, steps: Integers, moves: Integers) -> Transitions:
        """Return transitions from remembered states with other moves, as the network predicts them."""
        predicted = _product(self._features(memory, played, steps, moves), self.readout)
        cached = predicted[:, :-1].reshape(len(played), len(self.world.nodes), -1) > 0.5
        following = (cached * self.world.bits[:, None]).sum(axis=1)
        slots, masks = memory.slots[played], memory.masks[played, steps].astype(np.int64)
        return Transitions(slots, masks, moves, predicted[:, -1], following, steps)


def _product(first: Floats, second: Floats) -> Floats:
    """Return the matrix product by torch, which keeps to the threads it is given; NumPy has threads of its own."""
    product: Floats = (torch.from_numpy(first) @ torch.from_numpy(second)).numpy()
    return product


def _flat(values: Floats) -> Floats:
    return values.reshape(-1, values.shape[-1])


def _explained(predicted: Floats, truth: Floats) -> float:
    """Return R**2 over all outputs together."""
    rest = float(((truth - predicted) ** 2).sum())
    spread = float(((truth - truth.mean(axis=0)) ** 2).sum())
    return 1 - rest / spread if spread else float(rest == 0)

"""Training agents: play episodes, learn from what is remembered, keep the best policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from edgeopt.caching.agents.arrays_file import Arrays
from edgeopt.caching.agents.echo_state import EchoState, Fit
from edgeopt.caching.agents.learner import Learner
from edgeopt.caching.agents.play import Played, empty, on_turn, play, random_moves
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.replay import Replay, Transitions
from edgeopt.caching.agents.reward import final_rewards, team_rewards
from edgeopt.caching.agents.threads import one_thread
from edgeopt.caching.agents.world import Booleans, Integers, World

LEAST_MEMORY = 32  # played slots before the first update
FIT_EPISODES = 160  # between two fits of the echo state network


@dataclass(frozen=True)
class TrainingPoint:
    """The policy at some time of its training.

    Attributes
    ----------
    episodes, updates : int
    delay_s : float
        Mean final delay over the training slots, played from empty caches without random moves.
    loss : float
        Loss of the last update.
    fit : float or None
        Held-out R**2 of the echo state network, the worse of caches and rewards.
    """

    episodes: int
    updates: int
    delay_s: float
    loss: float
    fit: float | None


class Trainer:
    """A training that can be stopped and taken up between any two groups of episodes.

    Parameters
    ----------
    world : World
        The training slots.
    recipe : Recipe
    """

    def __init__(self, world: World, recipe: Recipe) -> None:
        self.world, self.recipe = world, recipe
        self.rng = np.random.default_rng([recipe.seed, 11])
        self.learner = Learner(world, recipe)
        self.steps = recipe.steps(len(world.nodes))
        self.memory = Replay(recipe.capacity, self.steps, len(world.nodes), len(world.blocks))
        self.model = EchoState(world, recipe) if recipe.extra == "synthetic" else None
        self.episodes = self.updates = 0
        self.loss = 0.0
        self.curve: list[TrainingPoint] = []
        self.best = self.policy()

    def run(self, episodes: int, report: Callable[[Trainer], None] | None = None) -> None:
        """Train until this many episodes are played in all.

        Parameters
        ----------
        episodes : int
        report : callable, optional
            Called after each group of episodes.
        """
        with one_thread():
            while self.episodes < episodes:
                self._group()
                if report is not None:
                    report(self)

    def _group(self) -> None:
        """Play one group of episodes side by side, and learn meanwhile."""
        masks = empty(self.world, self.recipe.runs)
        for _ in range(self.recipe.slots):
            slots = self.rng.integers(len(self.world.delay_s), size=self.recipe.runs)
            played = play(self.world, slots, masks, self.steps, self._explore, self.recipe.in_turn)
            self._remember(played)
            masks = played.masks[:, -1]
            for _ in range(self.steps * self.recipe.updates):
                self._learn()
        before = self.episodes
        self.episodes += self.recipe.runs
        if self.model is not None and passes(before, self.episodes, FIT_EPISODES):
            self.model.learn(self.memory)
        self._evaluate()

    def _explore(self, slots: Integers, masks: Integers, played: int, legal: Booleans) -> Integers:
        moves = self.learner.eager_moves(slots, masks, played, legal)
        return np.where(self.rng.random(moves.shape) < self.recipe.exploration, random_moves(legal, self.rng), moves)

    def _remember(self, played: Played) -> None:
        steps, weight = self.steps, self.recipe.transfer_weight
        rewards = []
        for done in range(steps):
            before, after, seconds = played.masks[:, done], played.masks[:, done + 1], played.transfer_s[:, done]
            if self.recipe.shaping:
                gained = team_rewards(self.world, played.slots, before, after, seconds, weight)
            else:
                gained = final_rewards(self.world, played.slots, after, seconds, weight, last=done + 1 == steps)
            rewards.append(gained)
        self.memory.add(played.slots, played.masks, played.moves, np.stack(rewards, axis=1))

    def _learn(self) -> None:
        if self.memory.size < LEAST_MEMORY:
            return
        self.loss = self.learner.update(self._real())
        self.updates += 1
        if self.recipe.extra != "none":
            self.loss = self.learner.update(self._synthetic() if self.imagines else self._real())
            self.updates += 1

    @property
    def imagines(self) -> bool:
        """Whether the prediction is good enough for synthetic transitions."""
        fit = None if self.model is None else self.model.fit
        return fit is not None and fit.least >= self.recipe.least_fit

    def _real(self) -> Transitions:
        return self.memory.transitions(*self.memory.draw(self.recipe.batch, self.rng))

    def _synthetic(self) -> Transitions:
        """Return predicted transitions: remembered states, and for half of the nodes other moves."""
        assert self.model is not None
        played, steps = self.memory.draw(self.recipe.batch, self.rng)
        real = self.memory.transitions(played, steps)
        legal = self.world.legal(real.masks)
        other = random_moves(on_turn(legal, steps) if self.recipe.in_turn else legal, self.rng)
        moves = np.where(self.rng.random(other.shape) < 0.5, other, real.moves)
        return self.model.imagine(self.memory, played, steps, moves)

    def policy(self) -> Arrays:
        """Return the weights of the agents as they act now without random moves: the slow ones of the target."""
        agents = self.learner.targets["agents"].state_dict()
        return {name: value.numpy().copy() for name, value in agents.items()}

    def _evaluate(self) -> None:
        """Play every training slot with the present policy, and keep it if it is the best."""
        slots = np.arange(len(self.world.delay_s))
        played = play(
            self.world,
            slots,
            empty(self.world, len(slots)),
            self.steps,
            self.learner.moves_of_policy,
            self.recipe.in_turn,
        )
        delay_s = float(played.delays(self.world)[:, -1].mean())
        if not self.curve or delay_s < min(point.delay_s for point in self.curve):
            self.best = self.policy()
        fit = None if self.model is None or self.model.fit is None else self.model.fit.least
        self.curve.append(TrainingPoint(self.episodes, self.updates, delay_s, self.loss, fit))

    def arrays(self) -> Arrays:
        """Return the whole state of the training as arrays, for a checkpoint."""
        optimizer = self.learner.optimizer.state_dict()["state"]
        arrays: Arrays = {f"memory/{name}": value for name, value in self.memory.arrays().items()}
        arrays |= {f"best/{name}": value for name, value in self.best.items()}
        for part, network in (("networks", self.learner.networks), ("targets", self.learner.targets)):
            arrays |= {f"{part}/{name}": value.numpy().copy() for name, value in network.state_dict().items()}
        for number, moments in optimizer.items():
            arrays |= {f"optimizer/{number}/{name}": value.numpy().copy() for name, value in moments.items()}
        if self.model is not None:
            arrays["model/readout"] = self.model.readout
        arrays["progress"] = np.array(json.dumps(self._progress()))
        return arrays

    def _progress(self) -> dict[str, Any]:
        fit = None if self.model is None or self.model.fit is None else vars(self.model.fit)
        return {
            "episodes": self.episodes,
            "updates": self.updates,
            "loss": self.loss,
            "curve": [vars(point) for point in self.curve],
            "fit": fit,
            "random": self.rng.bit_generator.state,
        }

    def restore(self, arrays: Arrays) -> None:
        """Take up the training where the arrays of a checkpoint left it."""

        def part(name: str) -> Arrays:
            return {key.removeprefix(name): value for key, value in arrays.items() if key.startswith(name)}

        progress = json.loads(str(arrays["progress"]))
        self.memory.restore(part("memory/"))
        self.best = part("best/")
        for name in ("networks", "targets"):
            tensors = {key: torch.from_numpy(value) for key, value in part(f"{name}/").items()}
            getattr(self.learner, name).load_state_dict(tensors)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in part("optimizer/").items():
            number, name = key.split("/")
            moments.setdefault(int(number), {})[name] = torch.from_numpy(value)
        state = self.learner.optimizer.state_dict()
        self.learner.optimizer.load_state_dict({**state, "state": moments})
        if self.model is not None:
            self.model.readout = arrays["model/readout"]
            self.model.fit = None if progress["fit"] is None else Fit(**progress["fit"])
        self.rng.bit_generator.state = progress["random"]
        self.episodes, self.updates, self.loss = progress["episodes"], progress["updates"], progress["loss"]
        self.curve = [TrainingPoint(**point) for point in progress["curve"]]


def passes(before: int, after: int, step: int) -> bool:
    """Say whether a count passed a multiple of `step`."""
    return before // step < after // step

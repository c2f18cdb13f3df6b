"""Deep Q-learning of a team: networks, their targets, and one update."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from edgeopt.caching.agents.networks import REWARD_UNIT, ActionSemantics, Monotone, Sum, make, state_of, values_of
from edgeopt.caching.agents.observation import Observations, Observer
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.replay import Transitions
from edgeopt.caching.agents.world import Booleans, Integers, World

GRADIENT_LENGTH = 10.0
NEVER = -1e9  # value of a move that a node does not have


class Learner:
    """Networks of the agents and of the critic, with their targets and optimizer.

    Parameters
    ----------
    world : World
    recipe : Recipe
    """

    def __init__(self, world: World, recipe: Recipe) -> None:
        self.world, self.recipe = world, recipe
        self.observer = Observer(world, recipe.marginal)
        self.steps = recipe.steps(len(world.nodes))
        agents = make(ActionSemantics, recipe.seed, recipe.width, recipe.semantics)
        self.networks = nn.ModuleDict({"agents": agents, "mixer": self._mixer()})
        self.targets = copy.deepcopy(self.networks).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=recipe.learning_rate)

    def _mixer(self) -> nn.Module:
        if self.recipe.critic != "qmix":
            return Sum()
        nodes, blocks = len(self.world.nodes), len(self.world.blocks)
        return make(Monotone, self.recipe.seed, nodes, nodes * blocks + 2 * blocks + nodes + 1)

    def eager_moves(self, slots: Integers, masks: Integers, played: int, legal: Booleans) -> Integers:
        """Return each node's move of most value by the latest weights, shape (runs, nodes)."""
        return best_moves(self.networks["agents"], self._seen(slots, masks, np.full(len(slots), played)), legal)

    def moves_of_policy(self, slots: Integers, masks: Integers, played: int, legal: Booleans) -> Integers:
        """Return each node's move of most value by the slow weights of the target, shape (runs, nodes)."""
        return best_moves(self.targets["agents"], self._seen(slots, masks, np.full(len(slots), played)), legal)

    def update(self, drawn: Transitions) -> float:
        """Take one step towards the targets of some transitions; return the loss."""
        seen = self._seen(drawn.slots, drawn.masks, drawn.steps)
        moves = torch.from_numpy(np.take_along_axis(drawn.moves, seen.acting, axis=1))
        values = values_of(self.networks["agents"], seen).gather(2, moves[..., None])[..., 0]
        goal = self._goals(drawn)
        joint = values if self.recipe.critic == "iql" else self.networks["mixer"](values, state_of(seen))
        loss = nn.functional.smooth_l1_loss(joint, goal)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks.parameters(), GRADIENT_LENGTH)
        self.optimizer.step()
        with torch.no_grad():
            for target, current in zip(self.targets.parameters(), self.networks.parameters(), strict=True):
                target.lerp_(current, self.recipe.target_rate)
        return float(loss.item())

    @torch.no_grad()
    def _goals(self, drawn: Transitions) -> Tensor:
        """Return the reward and discounted value of what follows; nothing follows a slot's last step."""
        seen = self._seen(drawn.slots, drawn.following, drawn.steps + 1)
        legal = np.take_along_axis(self.world.legal(drawn.following), seen.acting[:, :, None], axis=1)
        values = values_of(self.targets["agents"], seen)
        judge = values_of(self.networks["agents"], seen) if self.recipe.double else values
        best = judge.masked_fill(torch.from_numpy(~legal), NEVER).argmax(dim=-1, keepdim=True)
        chosen = values.gather(2, best)[..., 0]
        reward = torch.from_numpy((REWARD_UNIT * drawn.rewards).astype(np.float32))
        goes_on = torch.from_numpy((drawn.steps + 1 < self.steps).astype(np.float32)) * self.recipe.discount
        if self.recipe.critic == "iql":
            return reward[:, None] + goes_on[:, None] * chosen
        return reward + goes_on * self.targets["mixer"](chosen, state_of(seen))

    def _seen(self, slots: Integers, masks: Integers, played: Integers) -> Observations:
        return observed(self.observer, self.recipe, self.steps, slots, masks, played)


def observed(
    observer: Observer, recipe: Recipe, steps: int, slots: Integers, masks: Integers, played: Integers
) -> Observations:
    """Observe states after some of a slot's steps, shape (runs,): of all nodes, or of the one whose turn it is."""
    turn = (played % len(observer.world.nodes))[:, None] if recipe.in_turn else None
    return observer.observe(slots, masks, 1 - played / steps, turn)


@torch.no_grad()
def best_moves(agents: nn.Module, seen: Observations, legal: Booleans) -> Integers:
    """Return each node's legal move of most value, shape (runs, nodes); nodes that do not act wait."""
    values = np.zeros(legal.shape, np.float32)
    np.put_along_axis(values, seen.acting[:, :, None], values_of(agents, seen).numpy(), axis=1)
    return np.where(legal, values, -np.inf).argmax(axis=-1)

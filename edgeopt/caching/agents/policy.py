"""Policies: trained agents, which are kept in a file and fill the caches of an instance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeopt.caching.agents.arrays_file import Arrays, read_arrays, write_arrays
from edgeopt.caching.agents.play import Played, empty, play
from edgeopt.caching.agents.recipe import Recipe
from edgeopt.caching.agents.world import World
from edgeopt.errors import Finding, InputError

if TYPE_CHECKING:
    from torch import nn

POLICY_FORMAT = "edgeopt-policy/1"
MADE_BY = "'edgeopt train'"


@dataclass(frozen=True)
class TrainedPolicy:
    """Trained agents.

    Attributes
    ----------
    recipe : Recipe
        How they were trained.
    weights : dict of str to numpy.ndarray
        Weights of `networks.ActionSemantics`; they apply to any number of nodes and blocks.
    trained : dict
        Name of the instances, episodes, updates.
    """

    recipe: Recipe
    weights: Arrays
    trained: dict[str, Any]

    def write(self, path: str | Path) -> None:
        """Write the policy to a file, whole or not at all."""
        header = {"format": POLICY_FORMAT, "recipe": self.recipe.to_dict(), "trained": self.trained}
        write_arrays(path, header, self.weights)

    @classmethod
    def read(cls, path: str | Path) -> TrainedPolicy:
        """Read a policy file.

        Raises
        ------
        InputError
            It is missing, damaged or of another format.
        """
        header, weights = read_arrays(path, POLICY_FORMAT, MADE_BY)
        recipe = Recipe.from_dict(header.get("recipe"), file=path)
        policy = cls(recipe, weights, header.get("trained", {}))
        try:
            policy.network()
        except (RuntimeError, TypeError):
            raise InputError(Finding("$", "its weights are not those of its network"), path) from None
        return policy

    def network(self) -> nn.Module:
        """Return the agents' network with these weights."""
        import torch

        from edgeopt.caching.agents.networks import ActionSemantics, make

        network = make(ActionSemantics, 0, self.recipe.width, self.recipe.semantics)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in self.weights.items()})
        return network

    def play(self, world: World, rounds: int | None = None) -> Played:
        """Play every slot of a world from empty caches, all nodes taking the move of most value."""
        from edgeopt.caching.agents.learner import best_moves, observed
        from edgeopt.caching.agents.observation import Observer
        from edgeopt.caching.agents.threads import one_thread

        network, observer = self.network(), Observer(world, self.recipe.marginal)
        steps, runs = self.recipe.steps(len(world.nodes), rounds), len(world.delay_s)

        def choose(slots: Any, masks: Any, played: int, legal: Any) -> Any:
            seen = observed(observer, self.recipe, steps, slots, masks, np.full(runs, played))
            return best_moves(network, seen, legal)

        with one_thread():
            return play(world, np.arange(runs), empty(world, runs), steps, choose, self.recipe.in_turn)

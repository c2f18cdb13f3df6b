"""The agents' environment in PettingZoo's parallel interface, where other people's learners can play."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from edgeopt.caching.agents.observation import LINK, OWN, Observer
from edgeopt.caching.agents.play import empty
from edgeopt.caching.agents.reward import TRANSFER_WEIGHT, team_rewards
from edgeopt.caching.agents.world import build_world
from edgeopt.caching.instance import CachingInstance
from edgeopt.errors import UsageError

Named = dict[str, Any]


class CachingEnvironment(ParallelEnv):
    """Slots of a network, one after another; each node is an agent, and all get the team's reward.

    An episode plays `slots_per_episode` random slots of the given ones. It begins with empty caches, which then stay
    from one slot to the next; each agent has `rounds` moves in a slot. Moves are numbered as in `World`; the
    observation's ``action_mask`` says which are legal, and an illegal one counts as waiting.

    Parameters
    ----------
    slots : sequence of CachingInstance
        Slots of one network.
    rounds, slots_per_episode : int
    transfer_weight : float
        Weight of the seconds of fetching and migrating in the reward.
    marginal : bool
        Agents see what a change of one cache would bring.

    Raises
    ------
    UsageError
        The instances are not slots of one network, or a number is outside its range.
    """

    metadata: ClassVar[Named] = {"name": "edgeopt_caching_v0", "render_modes": []}

    def __init__(
        self,
        slots: Sequence[CachingInstance],
        rounds: int = 12,
        slots_per_episode: int = 2,
        transfer_weight: float = TRANSFER_WEIGHT,
        marginal: bool = True,
    ) -> None:
        if rounds < 1 or slots_per_episode < 1:
            raise UsageError("rounds and slots_per_episode are 1 or more")
        self.world = build_world(slots)
        self.rounds, self.slots_per_episode = rounds, slots_per_episode
        self.transfer_weight = transfer_weight
        self.render_mode = None
        self.possible_agents = list(self.world.nodes)
        self.agents: list[str] = []
        self._observer = Observer(self.world, marginal)
        nodes, blocks, moves = len(self.world.nodes), len(self.world.blocks), self.world.moves
        self.action_spaces = {agent: spaces.Discrete(moves) for agent in self.possible_agents}
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "own": spaces.Box(-np.inf, np.inf, (blocks, OWN), np.float32),
                    "others": spaces.Box(-np.inf, np.inf, (nodes, blocks, OWN + LINK), np.float32),
                    "action_mask": spaces.MultiBinary(moves),
                }
            )
            for agent in self.possible_agents
        }
        self._random = np.random.default_rng()

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of what an agent sees of itself, of the others with their links, and of its legal moves."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of move numbers."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: Named | None = None) -> tuple[Named, Named]:
        """Begin an episode with empty caches; a seed fixes the slots of this and the following episodes."""
        if seed is not None:
            self._random = np.random.default_rng(seed)
        self.agents = list(self.possible_agents)
        self._order = self._random.integers(len(self.world.delay_s), size=self.slots_per_episode)
        self._played = 0
        self._masks = empty(self.world, 1)
        return self._observations(), self._infos(0.0)

    def step(self, actions: Named) -> tuple[Named, Named, Named, Named, Named]:
        """All agents move at once."""
        slot = self._slot
        moves = np.array([[int(actions[agent]) for agent in self.agents]], np.int64)
        legal = np.take_along_axis(self.world.legal(self._masks), moves[:, :, None], axis=2)[:, :, 0]
        following, transfer_s = self.world.step(self._masks, np.where(legal, moves, 0))
        reward = team_rewards(self.world, slot, self._masks, following, transfer_s, self.transfer_weight)
        self._masks = following
        infos = self._infos(float(transfer_s[0]))  # of the slot that was played
        self._played += 1
        over = self._played == self.rounds * self.slots_per_episode
        result = (
            self._observations(),
            dict.fromkeys(self.agents, float(reward[0])),
            dict.fromkeys(self.agents, over),
            dict.fromkeys(self.agents, False),
            infos,
        )
        if over:
            self.agents = []
        return result

    @property
    def _slot(self) -> Any:
        """The slot that is played, shape (1,); at the end of an episode the last one."""
        return self._order[[min(self._played // self.rounds, len(self._order) - 1)]]

    def _observations(self) -> Named:
        remaining = np.array([1 - self._played % self.rounds / self.rounds])
        seen = self._observer.observe(self._slot, self._masks, remaining)
        legal = self.world.legal(self._masks)
        nodes = len(self.agents)
        others = np.concatenate([np.broadcast_to(seen.own, (nodes, *seen.own.shape[1:])), seen.link[0]], axis=-1)
        others[np.arange(nodes), np.arange(nodes)] = 0
        return {
            agent: {
                "own": seen.own[0, number],
                "others": others[number],
                "action_mask": legal[0, number].astype(np.int8),
            }
            for number, agent in enumerate(self.agents)
        }

    def _infos(self, transfer_s: float) -> Named:
        delay_s = float(self.world.delays(self._slot, self._masks)[0])
        info = {"slot": int(self._slot[0]), "delay_s": delay_s, "transfer_s": transfer_s}
        return {agent: dict(info) for agent in self.agents}

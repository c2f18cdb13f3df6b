"""The recipe of a training: every number that the result depends on, besides the slots."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from edgeopt.caching.agents.reward import TRANSFER_WEIGHT
from edgeopt.record import Record

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Recipe(Record):
    """Settings of a training.

    Attributes
    ----------
    critic : str
        ``"vdn"`` (the team's value is the sum of the agents'), ``"qmix"`` (a monotone mixture), ``"iql"`` (each
        agent learns the team's reward by itself) or ``"turns"``. With ``"turns"`` the nodes of a round move one
        after another, and each sees what those before it did. The team's value is then that of the node whose turn
        it is.
    seed : int
    rounds : int
        Moves of each node in a slot.
    slots : int
        Slots of an episode, one after another; caches stay from one to the next, the first begins with empty ones.
    runs : int
        Episodes played side by side.
    batch : int
        Transitions of an update.
    updates : int
        Updates for each step of all runs.
    extra : str
        Further updates, as many again: ``"replay"`` of real transitions, ``"synthetic"`` ones, or ``"none"``.
    discount, learning_rate, target_rate : float
        The target network moves by `target_rate` towards the network in each update; its slow weights are the policy.
    exploration : float
        Probability of a random move.
    transfer_weight : float
        Weight of the seconds of fetching and migrating beside the delay, in the reward.
    shaping : bool
        Reward each round's change of the delay; without it only the delay at the slot's end counts.
    double : bool
        Double Q-learning.
    marginal : bool
        Nodes see what a change of one cache would bring.
    semantics : bool
        See `networks.ActionSemantics`.
    width : int
        Units of the network's layers.
    capacity : int
        Played slots that are remembered.
    reservoir : int
        Units of the echo state network.
    least_fit : float
        Synthetic transitions are used while the prediction's R**2 on held-out data is at least this.
    """

    critic: Literal["turns", "vdn", "qmix", "iql"] = "turns"
    seed: Annotated[int, Field(ge=0)] = 0
    rounds: Count = 12
    slots: Count = 2
    runs: Count = 32
    batch: Count = 64
    updates: Count = 1
    extra: Literal["none", "replay", "synthetic"] = "none"
    discount: Fraction = 0.95
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    target_rate: Fraction = 0.02
    exploration: Fraction = 0.1
    transfer_weight: Annotated[float, Field(ge=0)] = TRANSFER_WEIGHT
    shaping: bool = True
    double: bool = True
    marginal: bool = True
    semantics: bool = True
    width: Count = 32
    capacity: Count = 4096
    reservoir: Count = 200
    least_fit: Fraction = 0.9

    @property
    def in_turn(self) -> bool:
        """Whether each step is the turn of one node, rather than a round of all."""
        return self.critic == "turns"

    def steps(self, nodes: int, rounds: int | None = None) -> int:
        """Return the number of steps of a slot with some rounds (default: as in training)."""
        return (self.rounds if rounds is None else rounds) * (nodes if self.in_turn else 1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return self.model_dump()

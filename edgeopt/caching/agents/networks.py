"""The action-semantics network of the agents, and the mixers that add their values up."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeopt.caching.agents.observation import CACHED, FREE, GAIN, LINK, OWN, REMAINING, Observations

REWARD_UNIT = 10.0  # rewards of a slot then sum to about this


class ActionSemantics(nn.Module):
    """Values of a node's moves, by whom they involve; one network for all nodes and blocks.

    For each block, a node's embedding e_i comes from its own features, those pooled over its blocks and, pooled, the
    embeddings e_im, which come from the features of node m and of the link from there. Waiting, fetching and dropping
    concern the node itself, and their values are functions of e_i; migrating block b from m is worth an inner product
    of a map of e_i with e_im, with a constant 1 appended. The maps share their weights among the blocks and tell them
    apart by the features, so the network takes any number of nodes and blocks; pooled over m, i itself is among them.
    Pooled is: mean and maximum. The values are corrections of what each move saves at once, which is in the
    observation, and begin with no correction. After *Action Semantics Network* (arXiv 1907.11461).

    Parameters
    ----------
    width : int
        Units of each layer; e_im has half as many.
    semantics : bool
        Without it, migrating a block is worth the same from every node, a function of e_i (for comparison).
    """

    def __init__(self, width: int = 32, semantics: bool = True) -> None:
        super().__init__()
        self.semantics = semantics
        narrow = max(1, width // 2)
        self.told = nn.Linear(OWN, narrow)
        self.link = nn.Linear(LINK, narrow, bias=False)
        self.first = nn.Linear(OWN + 2 * narrow, width)
        self.block = nn.Linear(width, width)
        self.whole = nn.Linear(2 * width, width, bias=False)
        self.wait = nn.Linear(2 * width, 1)
        self.change = nn.Linear(width, 3)
        self.mine = nn.Linear(width, narrow)
        for last in (self.change, self.mine):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, own: Tensor, link: Tensor, acting: Tensor) -> Tensor:
        """Return the values of all moves of the acting nodes, (runs, acting nodes, moves), in the order of `World`."""
        seen = torch.relu(self.told(own)[:, None] + self.link(link))
        nodes, own = own.shape[1], own[torch.arange(len(own))[:, None], acting]
        first = torch.relu(self.first(torch.cat([own, pooled(seen)], dim=-1)))
        block = torch.relu(self.block(first) + self.whole(pooled(first))[:, :, None])
        saved = own[..., GAIN] * (REWARD_UNIT / own.shape[2])
        change = self.change(block) + torch.stack([saved, -saved, saved], dim=-1)
        migrate = change[:, :, None, :, 2].expand(-1, -1, nodes, -1)
        if self.semantics:
            migrate = migrate + (self.mine(block)[:, :, None] * seen).sum(dim=-1)
        wait = self.wait(pooled(block))
        return wait + torch.cat([torch.zeros_like(wait), change[..., 0], change[..., 1], migrate.flatten(2)], dim=-1)


def pooled(features: Tensor) -> Tensor:
    """Return mean and maximum over the third axis, one after the other in the last."""
    return torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=-1)


class Sum(nn.Module):
    """VDN: the team's value is the sum of the agents' (Sunehag et al. 2018)."""

    def forward(self, values: Tensor, state: Tensor) -> Tensor:
        """Return team values, shape (runs,), of agents' values, shape (runs, nodes)."""
        return values.sum(dim=1)


class Monotone(nn.Module):
    """QMIX: the team's value is a monotone function of the agents', made by hypernetworks (Rashid et al. 2018).

    Parameters
    ----------
    nodes, state : int
        Number of agents, and of the state's features.
    """

    def __init__(self, nodes: int, state: int, width: int = 16) -> None:
        super().__init__()
        self.nodes, self.width = nodes, width
        self.weights = nn.Linear(state, nodes * width)
        self.offset = nn.Linear(state, width)
        self.final = nn.Linear(state, width)
        self.base = nn.Sequential(nn.Linear(state, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, values: Tensor, state: Tensor) -> Tensor:
        """Return team values, (runs,), of agents' values, (runs, nodes), and states, (runs, features)."""
        weights = self.weights(state).abs().view(-1, self.nodes, self.width)
        hidden = nn.functional.elu(torch.bmm(values[:, None], weights)[:, 0] + self.offset(state))
        return (hidden * self.final(state).abs()).sum(dim=1) + self.base(state)[:, 0]


def make(network: type[nn.Module], seed: int, *arguments: Any, **options: Any) -> nn.Module:
    """Make a network whose first weights follow from the seed alone; torch's own random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(*arguments, **options)


def values_of(network: nn.Module, seen: Observations) -> Tensor:
    """Return the values of all moves of the acting nodes for observations."""
    values: Tensor = network(*(torch.from_numpy(part) for part in (seen.own, seen.link, seen.acting.copy())))
    return values


def state_of(seen: Observations) -> Tensor:
    """Return the team's state for QMIX, shape (runs, features): what all nodes see of themselves."""
    runs, nodes, blocks, _ = seen.own.shape
    cached = seen.own[..., CACHED].reshape(runs, nodes * blocks)
    per_block = seen.own[:, 0, :, [4, 5]].transpose(1, 0, 2).reshape(runs, 2 * blocks)
    return torch.from_numpy(
        np.concatenate([cached, per_block, seen.own[:, :, 0, FREE], seen.own[:, :1, 0, REMAINING]], axis=1)
    )

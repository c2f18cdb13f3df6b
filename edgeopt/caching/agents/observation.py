"""The observations of agents: features of every node for each block, and of the links between nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.agents.world import Floats, Integers, World

OWN = 13  # features of a node for a block
LINK = 3  # features of fetching a block from another node
CACHED, REMAINING, FREE = 1, 9, 8
GAIN, DENSITY = 11, 12  # what holding the block saves, and that for the storage that it takes
DENSITY_UNIT = 10.0
LEAST_SHARE = 1e-3

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Observations:
    """Observations of all nodes in several runs.

    Attributes
    ----------
    own : numpy.ndarray of float32, shape (runs, nodes, blocks, OWN)
    link : numpy.ndarray of float32, shape (runs, acting nodes, other nodes, blocks, LINK)
    acting : numpy.ndarray of int64, shape (runs, acting nodes)
        The nodes that act.
    """

    own: Singles
    link: Singles
    acting: Integers


class Observer:
    """Observes states of a world.

    Delays are in units of the slot's span for one block. What a single change would bring follows from rates and waits
    that neighbours exchange; without `marginal` these features are 0.

    Parameters
    ----------
    world : World
    marginal : bool
    """

    def __init__(self, world: World, marginal: bool = True) -> None:
        self.world = world
        self.marginal = marginal
        self._share = world.sizes / np.maximum(world.storage, 1)[:, None]
        self._own, self._link = self._constant()

    def _constant(self) -> tuple[Singles, Singles]:
        """Return what does not depend on the caches, for each slot."""
        world = self.world
        slots, nodes, blocks = len(world.delay_s), len(world.nodes), len(world.blocks)
        unit = world.span_s / blocks
        own = np.zeros((slots, nodes, blocks, OWN), np.float32)
        own[..., 0] = np.minimum(self._share, 2)
        own[..., 5] = world.relative[:, None, :, 0]
        own[..., 6] = world.relative[:, :, world.bits].transpose(0, 2, 1)
        own[..., 7] = _finite(8 * world.sizes * world.cloud[:, None]) / unit[:, None, None]
        own[..., 10] = (np.arange(nodes) / nodes)[:, None]
        link = np.zeros((slots, nodes, nodes, blocks, LINK), np.float32)
        link[..., 0] = _finite(8 * world.sizes * world.link.T[:, :, None]) / unit[:, None, None, None]
        link[..., 1] = np.isfinite(world.link).T[:, :, None]
        link[..., 2] = (np.arange(nodes)[:, None] > np.arange(nodes))[:, :, None]
        return own, link

    def gains(self, slots: Integers, masks: Integers) -> Floats:
        """Return the delay that a node's holding a block saves, shape (runs, nodes, blocks); in the unit."""
        world, column = self.world, np.arange(masks.shape[1])
        kept, gone = masks[:, None, :] | world.bits[:, None], masks[:, None, :] & ~world.bits[:, None]
        row = slots[:, None, None]
        return world.relative[row, column, gone] - world.relative[row, column, kept]

    def observe(
        self, slots: Integers, masks: Integers, remaining: Floats, acting: Integers | None = None
    ) -> Observations:
        """Observe states.

        Parameters
        ----------
        slots : numpy.ndarray of int64, shape (runs,)
        masks : numpy.ndarray of int64, shape (runs, blocks)
        remaining : numpy.ndarray of float64, shape (runs,)
            Fraction of the slot's steps that are left.
        acting : numpy.ndarray of int64, shape (runs, acting nodes), optional
            Default: all nodes.
        """
        world, own = self.world, self._own[slots]
        cached = world.cached(masks)
        free = world.free(cached)
        own[..., CACHED] = cached
        own[..., 2] = ~cached & (world.sizes <= free[:, :, None])
        own[..., 3] = (np.bitwise_count(masks) / len(world.nodes))[:, None]
        own[..., 4] = world.relative[slots[:, None], np.arange(masks.shape[1]), masks][:, None]
        own[..., FREE] = (free / np.maximum(world.storage, 1))[:, :, None]
        own[..., REMAINING] = remaining[:, None, None]
        if self.marginal:
            gain = self.gains(slots, masks)
            own[..., GAIN], own[..., DENSITY] = gain, gain / np.maximum(self._share, LEAST_SHARE) / DENSITY_UNIT
        if acting is None:
            acting = np.broadcast_to(np.arange(len(world.nodes)), (len(slots), len(world.nodes)))
        return Observations(own, self._link[slots[:, None], acting], acting)


def _finite(seconds: Floats) -> Floats:
    return np.where(np.isfinite(seconds), seconds, 0.0)

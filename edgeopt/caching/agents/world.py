"""The dynamics that agents act in, for many runs at once: caches, moves, delays; plain table look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.agents.slots import require_slots
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.tables import DelayTables
from edgeopt.errors import UsageError
from edgeopt.run import Options, Run

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """Delays of every set of caching nodes for each block in each slot, and what moves cost.

    A state is the slot and, for each block, the set of nodes that cache it, as bits. A move of node i is a number: 0
    waits, 1 + b fetches block b from the cloud, 1 + B + b drops it, 1 + 2 B + m B + b migrates it from node m.

    Attributes
    ----------
    blocks, nodes : list of str
    delay_s : numpy.ndarray of float64, shape (slots, blocks, 2**nodes)
        What a block adds to the expected total delay of the slot when the nodes of a set cache it.
    sizes : numpy.ndarray of int64, shape (blocks,)
        Bytes.
    storage : numpy.ndarray of int64, shape (nodes,)
    cloud : numpy.ndarray of float64, shape (nodes,)
        Seconds per bit from the cloud; infinite: no way.
    link : numpy.ndarray of float64, shape (nodes, nodes)
        Seconds per bit from the first to the second node.
    """

    blocks: list[str]
    nodes: list[str]
    delay_s: Floats
    sizes: Integers
    storage: Integers
    cloud: Floats
    link: Floats

    @cached_property
    def span_s(self) -> Floats:
        """Delay with empty caches less that with every block everywhere, shape (slots,): the unit of rewards."""
        span = (self.delay_s[:, :, 0] - self.delay_s[:, :, -1]).sum(axis=1)
        return np.where(span > 0, span, 1.0)

    @cached_property
    def relative(self) -> Floats:
        """Delays in units of the slot's span for one block, shape (slots, blocks, 2**nodes)."""
        return self.delay_s / (self.span_s / len(self.blocks))[:, None, None]

    @cached_property
    def bits(self) -> Integers:
        """Each node's bit in a set, shape (nodes,)."""
        return 1 << np.arange(len(self.nodes))

    @property
    def moves(self) -> int:
        """Number of moves of a node."""
        return 1 + (2 + len(self.nodes)) * len(self.blocks)

    def delays(self, slots: Integers, masks: Integers) -> Floats:
        """Return the expected total delay in seconds, shape (runs,), of caches, shape (runs, blocks)."""
        return self.by_block(slots, masks).sum(axis=1)

    def by_block(self, slots: Integers, masks: Integers) -> Floats:
        """Return what each block adds to the delay, shape (runs, blocks)."""
        return self.delay_s[slots[:, None], np.arange(len(self.blocks)), masks]

    def cached(self, masks: Integers) -> Booleans:
        """Say whether a node caches a block, shape (runs, nodes, blocks)."""
        return (masks[:, None, :] & self.bits[:, None]) != 0

    def free(self, cached: Booleans) -> Integers:
        """Return the bytes left at each node, shape (runs, nodes)."""
        return self.storage - cached @ self.sizes

    def legal(self, masks: Integers) -> Booleans:
        """Return which moves each node has, shape (runs, nodes, moves)."""
        cached = self.cached(masks)
        fits = ~cached & (self.sizes <= self.free(cached)[:, :, None])
        runs, nodes, blocks = cached.shape
        legal = np.empty((runs, nodes, self.moves), np.bool_)
        legal[:, :, 0] = True
        legal[:, :, 1 : 1 + blocks] = fits & np.isfinite(self.cloud)[:, None]
        legal[:, :, 1 + blocks : 1 + 2 * blocks] = cached
        linked = np.isfinite(self.link).T[:, :, None]  # receiver, sender
        migrate = fits[:, :, None, :] & cached[:, None, :, :] & linked
        legal[:, :, 1 + 2 * blocks :] = migrate.reshape(runs, nodes, -1)
        return legal

    def step(self, masks: Integers, moves: Integers) -> tuple[Integers, Floats]:
        """Return the caches after legal moves of all nodes at once, and the seconds that their transfers take together.

        Parameters
        ----------
        masks : numpy.ndarray of int64, shape (runs, blocks)
        moves : numpy.ndarray of int64, shape (runs, nodes)
        """
        blocks = len(self.blocks)
        acting = moves > 0
        kind, block = np.divmod(np.where(acting, moves - 1, 0), blocks)
        after = masks.copy()
        for node in range(len(self.nodes)):
            rows = np.flatnonzero(acting[:, node])
            after[rows, block[rows, node]] ^= self.bits[node]
        wait = np.where(kind == 0, self.cloud, 0.0)
        migrates = acting & (kind >= 2)
        wait = np.where(migrates, self.link[np.maximum(kind - 2, 0), np.arange(len(self.nodes))], wait)
        seconds = np.where(acting, 8 * self.sizes[block] * np.where(acting, wait, 0.0), 0.0)
        return after, seconds.sum(axis=1)


def build_world(slots: Sequence[CachingInstance], threads: int = 1) -> World:
    """Tabulate the delays of slots of one network.

    Raises
    ------
    UsageError
        The instances are not slots of one network, ask for nothing, or a block would never arrive from some caches.
    """
    require_slots(slots)
    run = Run(Options(threads=threads), maximize=False)
    return tabulate([DelayTables(slot, run) for slot in slots])


def tabulate(tables: Sequence[DelayTables]) -> World:
    """Tabulate the delays of slots whose rates are known.

    Raises
    ------
    UsageError
        Nothing is requested, or a block would never arrive from some caches.
    """
    instance = tables[0].instance
    requested = {block for table in tables for block in table.requests.blocks}
    blocks = [block for block in instance.library.blocks if block in requested]
    if not blocks:
        raise UsageError(f"nothing is requested in {instance.name!r}, so there is nothing for agents to do")
    delay_s = np.stack([_delays(table, blocks) for table in tables])
    for slot, table in enumerate(tables):
        endless = np.flatnonzero(np.isinf(delay_s[slot]).any(axis=1))
        if len(endless):
            missing = blocks[int(endless[0])]
            raise UsageError(
                f"agents do not apply to {table.instance.name!r}: there are caches from which the block {missing!r} "
                "never reaches its users; 'exact' applies"
            )
    return World(
        blocks=blocks,
        nodes=tables[0].node_names,
        delay_s=delay_s,
        sizes=np.array([instance.library.blocks[block] for block in blocks], np.int64),
        storage=tables[0].storage,
        cloud=tables[0].cloud,
        link=tables[0].link,
    )


def _delays(table: DelayTables, blocks: list[str]) -> Floats:
    """Return the delays of one slot, shape (blocks, 2**nodes); none for blocks that it does not request."""
    requests = table.requests
    sets = np.arange(1 << len(table.node_names))
    per_byte = table.costs(np.tile(sets, (len(requests.audience_of), 1)))
    delays = np.zeros((len(blocks), len(sets)))
    rows = [blocks.index(block) for block in requests.blocks]
    delays[rows] = requests.sizes[:, None] * per_byte[requests.group]
    return delays

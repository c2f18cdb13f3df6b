"""Users out of reach whatever beams are formed: an argument by counting bytes, which asks no solver.

A block arrives only if every user that asks for it hears, beyond the channel error, some node that caches the block or
can fetch it. Let Q be a set of nodes. Blocks that do not arrive when only the other nodes that have room for them cache
them need a place in Q each; if they are larger together than the storage of Q, some delivery never ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain, combinations
from math import hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.tables import DelayTables

FEW_NODES = 8  # up to which all sets of nodes are tried; beyond, single nodes and all nodes
CLOSE = 1e-9  # relative distance of lengths below which they are compared in fractions
NAMES = 3  # names of a list that a message gives at most


class Unreached(NamedTuple):
    """Users who cannot be served, and why, in one sentence that names the first of them."""

    users: list[str]
    reason: str


def out_of_reach(tables: DelayTables) -> Unreached | None:
    """Say who cannot be served, and why, where no caches and no beams make all delays finite; None: not proven."""
    hears = _hears(tables.instance)
    return _unheard(tables, hears) or _without_room(tables, hears)


def _hears(instance: CachingInstance) -> NDArray[np.bool_]:
    """Say whether a user's channel from a node is longer than the error, exactly, shape (nodes, users)."""
    channels = instance.radio.channels
    return np.array(
        [
            [_longer(channels[node][user], instance.radio.csi_error) for user in instance.users]
            for node in instance.nodes
        ]
    )


def _longer(channel: Sequence[Sequence[float]], error: float) -> bool:
    parts = [part for pair in channel for part in pair]
    length = hypot(*parts)
    if abs(length - error) > CLOSE * error:
        return length > error
    return sum(Fraction(part) ** 2 for part in parts) > Fraction(error) ** 2


def _unheard(tables: DelayTables, hears: NDArray[np.bool_]) -> Unreached | None:
    """Return the users that request something and hear no node."""
    asking = sorted({user for users in tables.requests.audiences for user in users})
    silent = [user for user in asking if not hears[:, user].any()]
    if not silent:
        return None
    users = [tables.instance.users[user] for user in silent]
    blocks = [
        block
        for block, group in zip(tables.requests.blocks, tables.requests.group, strict=True)
        if any(set(silent) & set(tables.requests.audiences[a]) for a in tables.requests.audience_of[group].values())
    ]
    who, what = _counted("user", users), _counted("block", blocks)
    reason = f"No node reaches {who} beyond the channel error; so they never get {what}, whatever is cached"
    return Unreached(users, reason)


def _without_room(tables: DelayTables, hears: NDArray[np.bool_]) -> Unreached | None:
    """Return the blocks that arrive only if cached, where there is no room for them."""
    requests, count = tables.requests, len(tables.node_names)
    needing = [
        block for block in range(len(requests.sizes)) if not _arrives(tables, hears, block, np.zeros(count, np.bool_))
    ]
    sizes = range(count + 1) if count <= FEW_NODES else (0, 1, count)
    for places in chain.from_iterable(combinations(range(count), size) for size in sizes):
        inside = np.isin(np.arange(count), places)
        stuck = [
            block
            for block in needing
            if not _arrives(tables, hears, block, (tables.storage >= requests.sizes[block]) & ~inside)
        ]
        if sum(int(requests.sizes[block]) for block in stuck) > int(tables.storage[inside].sum()):
            return _message(tables, stuck, places)
    return None


def _arrives(tables: DelayTables, hears: NDArray[np.bool_], block: int, cached: NDArray[np.bool_]) -> bool:
    """Say whether all users of a block hear some node that has it when these nodes cache it."""
    having = cached | np.isfinite(tables.cloud) | np.isfinite(tables.link[cached]).any(axis=0)
    heard = set(np.flatnonzero(hears[having].sum(axis=0)).tolist())
    audiences = tables.requests.audience_of[tables.requests.group[block]].values()
    return all(heard.issuperset(tables.requests.audiences[audience]) for audience in audiences)


def _message(tables: DelayTables, stuck: list[int], places: tuple[int, ...]) -> Unreached:
    requests = tables.requests
    audiences = {a for block in stuck for a in requests.audience_of[requests.group[block]].values()}
    users = [tables.instance.users[user] for user in sorted({u for a in audiences for u in requests.audiences[a]})]
    blocks, size = [requests.blocks[block] for block in stuck], sum(int(requests.sizes[block]) for block in stuck)
    names, room = [tables.node_names[node] for node in places], sum(int(tables.storage[node]) for node in places)
    whom, what = _counted("user", users), _counted("block", blocks)
    if not places:
        return Unreached(users, f"To reach {whom}, {what} must be cached, and no node that helps has room")
    where = f"{_counted('node', names)}, with room for {room} bytes"
    return Unreached(users, f"To reach {whom}, {what} ({size} bytes) must be cached at {where}")


def _counted(noun: str, names: list[str]) -> str:
    """Return the names after their noun, the first few of them."""
    shown = ", ".join(map(repr, names[:NAMES]))
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return f"{noun}{'s' * (len(names) > 1)} {shown}{more}"

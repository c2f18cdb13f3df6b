"""Blocks with the same requesters in every scenario, and the audiences that broadcasts serve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.instance import CachingInstance

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Requests:
    """The requested blocks of an instance in arrays.

    Attributes
    ----------
    blocks : list of str
        Requested blocks that have bytes, in the library's order.
    sizes : numpy.ndarray of int64, shape (blocks,)
        Bytes.
    group : numpy.ndarray of int64, shape (blocks,)
        Blocks with the same requesters in every scenario form a group.
    audiences : list of tuple of int
        The different sets K of users that ask for a block together, users numbered as in `CachingInstance.users`.
    audience_of : list of dict of int to int
        For each group: scenario to audience.
    weight : numpy.ndarray of float64, shape (groups, audiences)
        Expected number of requesters, sum over scenarios of probability times |K|, of the group through an audience.
    empty : list of (int, str)
        Scenario and name of requested blocks without bytes.
    """

    blocks: list[str]
    sizes: Integers
    group: Integers
    audiences: list[tuple[int, ...]]
    audience_of: list[dict[int, int]]
    weight: Floats
    empty: list[tuple[int, str]]

    def listed(self) -> tuple[Integers, Integers]:
        """Return the audiences of all groups, group after group, and where each group's begin, shape (groups + 1,)."""
        rows = [sorted(set(row.values())) for row in self.audience_of]
        first = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return np.array([audience for row in rows for audience in row], np.int64), first


def find_requests(instance: CachingInstance) -> Requests:
    """Group the requested blocks of an instance by their requesters."""
    number = {user: index for index, user in enumerate(instance.users)}
    audiences: dict[tuple[int, ...], int] = {}
    requested: dict[str, dict[int, int]] = {}
    empty: list[tuple[int, str]] = []
    for scenario in range(len(instance.scenarios)):
        for block, users in instance.requesters(scenario).items():
            if not instance.library.blocks[block]:
                empty.append((scenario, block))
                continue
            audience = tuple(sorted(number[user] for user in users))
            requested.setdefault(block, {})[scenario] = audiences.setdefault(audience, len(audiences))
    blocks = [block for block in instance.library.blocks if block in requested]
    groups: dict[tuple[tuple[int, int], ...], int] = {}
    group = [groups.setdefault(tuple(sorted(requested[block].items())), len(groups)) for block in blocks]
    weight = np.zeros((len(groups), len(audiences)))
    members = list(audiences)
    for row, signature in enumerate(groups):
        for scenario, column in signature:
            weight[row, column] += instance.scenarios[scenario].probability * len(members[column])
    return Requests(
        blocks=blocks,
        sizes=np.array([instance.library.blocks[block] for block in blocks], np.int64),
        group=np.array(group, np.int64),
        audiences=members,
        audience_of=[dict(signature) for signature in groups],
        weight=weight,
        empty=empty,
    )

"""The optimum for given rates by plain enumeration of all caches and all sets of sending nodes.

Shares nothing with the methods: delays come from the text of the problem; only the rates, which are the beamformer's,
are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations
from math import inf

from edgeopt.caching.instance import CachingInstance

RateOf = Callable[[frozenset[str], frozenset[str]], float]


def subsets(items: list[str]) -> list[frozenset[str]]:
    """All subsets, the empty one first."""
    return [
        frozenset(chosen)
        for chosen in chain.from_iterable(combinations(items, count) for count in range(len(items) + 1))
    ]


def migration_s(instance: CachingInstance, node: str, caching: frozenset[str], bits: float) -> float:
    """mu_{n,j} when the nodes of `caching` cache the block."""
    if node in caching:
        return 0.0
    ways = [bits / rate for name, rate in instance.backhaul.cloud_bps.items() if name == node]
    ways += [bits / link.rate_bps for link in instance.backhaul.links if link.to == node and link.source in caching]
    return min(ways, default=inf)


def delivery_s(
    instance: CachingInstance, bits: float, caching: frozenset[str], users: frozenset[str], rate: RateOf
) -> float:
    """Least of max mu + bits / rate over all nonempty sets of nodes."""
    best = inf
    for senders in subsets(list(instance.nodes))[1:]:
        wait = max(migration_s(instance, node, caching, bits) for node in senders)
        speed = rate(senders, users)
        best = min(best, wait + bits / speed if speed > 0 else inf)
    return best


def block_delays(instance: CachingInstance, rate: RateOf) -> dict[str, dict[frozenset[str], float]]:
    """Expected delay of each requested block for each set of nodes that cache it."""
    delays: dict[str, dict[frozenset[str], float]] = {}
    for block, size in instance.library.blocks.items():
        asking = []
        for scenario in instance.scenarios:
            users = frozenset(
                user for user, model in scenario.requests.items() if block in instance.library.models[model].blocks
            )
            if users:
                asking.append((scenario.probability, users))
        if asking and size:
            delays[block] = {
                caching: sum(
                    probability * len(users) * delivery_s(instance, 8.0 * size, caching, users, rate)
                    for probability, users in asking
                )
                for caching in subsets(list(instance.nodes))
            }
    return delays


def optimum(instance: CachingInstance, rate: RateOf) -> float:
    """Least expected total delay over all caches that fit; infinite when none is finite."""
    delays = block_delays(instance, rate)
    # Bytes used at each node -> least delay so far: every combination of caching sets is tried.
    reached = {tuple(0 for _ in instance.nodes): 0.0}
    for block, choices in delays.items():
        size = instance.library.blocks[block]
        after: dict[tuple[int, ...], float] = {}
        for used, so_far in reached.items():
            for caching, delay in choices.items():
                total = tuple(
                    bytes_ + size * (node in caching) for bytes_, node in zip(used, instance.nodes, strict=True)
                )
                fits = all(
                    bytes_ <= node.storage_bytes for bytes_, node in zip(total, instance.nodes.values(), strict=True)
                )
                if fits and so_far + delay < after.get(total, inf):
                    after[total] = so_far + delay
        reached = after
    return min(reached.values(), default=inf)

"""Rates by name, straight from the beamformer: what enumeration is given."""

from __future__ import annotations

from functools import cache

import numpy as np

from edgeopt.caching.beamforming.channels import Channels, Pairs
from edgeopt.caching.beamforming.dual import dual
from edgeopt.caching.instance import CachingInstance
from tests.caching.brute_force import RateOf, subsets


def dual_rates(instance: CachingInstance) -> RateOf:
    """Rate of each pair (S, K) in bit/s: the best of the dual beamformer's over the subsets of S."""
    channels, nodes, users = Channels.of(instance), list(instance.nodes), instance.users

    @cache
    def amplitude(senders: frozenset[str], audience: frozenset[str]) -> float:
        pair = Pairs(
            np.array([sorted(nodes.index(node) for node in senders)]),
            np.array([sorted(users.index(user) for user in audience)]),
        )
        return float(dual(channels, pair).amplitudes[0])

    @cache
    def rate(senders: frozenset[str], audience: frozenset[str]) -> float:
        best = max(amplitude(part, audience) for part in subsets(sorted(senders))[1:])
        return instance.radio.bandwidth_hz * float(np.log1p(best**2) / np.log(2))

    return rate

"""Maximum-ratio transmission to all users at once: the usual simple beamformer, for comparison."""

from __future__ import annotations

import numpy as np

from edgeopt.caching.beamforming.channels import Beams, Channels, Pairs, robust_amplitudes


def mrt(channels: Channels, pairs: Pairs) -> Beams:
    """Each node sends at full power along the sum of its channels to the users, each of them of length one."""
    vectors = np.zeros((len(pairs), pairs.nodes.shape[1], channels.scaled.shape[2]), np.complex128)
    length = np.linalg.norm(channels.scaled, axis=2, keepdims=True)
    directions = np.divide(channels.scaled, length, out=np.zeros_like(channels.scaled), where=length > 0)
    for row in range(len(pairs)):
        nodes, users = pairs.nodes[row][pairs.nodes[row] >= 0], pairs.users[row][pairs.users[row] >= 0]
        total = directions[np.ix_(nodes, users)].sum(axis=1)
        size = np.linalg.norm(total, axis=1, keepdims=True)
        vectors[row, : len(nodes)] = np.divide(total, size, out=np.zeros_like(total), where=size > 0)
    amplitudes = np.maximum(robust_amplitudes(channels, pairs, vectors), 0.0)
    return Beams(amplitudes, vectors)

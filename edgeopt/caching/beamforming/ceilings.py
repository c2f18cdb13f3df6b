"""Upper bounds on what any beams reach, for batches of pairs, in compiled code: no solver needed.

The certificate is that of the semidefinite relaxation (`edgeopt.caching.beamforming.sdr`), whose numbers are found by
multiplicative steps instead of an interior-point method. Proof: docs/caching-proofs.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeopt.caching.beamforming.channels import Channels, Floats, Pairs

STEPS = 40


@dataclass(frozen=True)
class Ceilings:
    """Upper bounds for pairs (S, K).

    Attributes
    ----------
    amplitudes : numpy.ndarray of float64, shape (pairs,)
        No beamformer's least robust amplitude exceeds it.
    weights : numpy.ndarray of float64, shape (pairs, most users)
        Sum to one over the users; even the mean of the robust amplitudes with these weights does not exceed it.
    """

    amplitudes: Floats
    weights: Floats


def ceilings(channels: Channels, pairs: Pairs, steps: int = STEPS) -> Ceilings:
    """Bound each pair: by its weakest user alone, or by the largest eigenvalue of a weighted sum over its users.

    Parameters
    ----------
    channels : Channels
    pairs : Pairs
    steps : int
        Effort; any number gives valid bounds.
    """
    from edgeopt.caching.beamforming.ceiling_kernels import ROUNDING, Bounds, Room, bound_pairs

    count, width = pairs.users.shape
    bounds = Bounds(
        amplitudes=np.zeros(count),
        weights=np.zeros((count, width)),
        halves=np.zeros(count),
        shares=np.zeros((count, width)),
        prices=np.zeros(pairs.nodes.shape),
        matrices=np.zeros((count, width, width), np.complex128),
    )
    room = Room.of(pairs.nodes.shape[1], width)
    bound_pairs(pairs.arrays(channels), steps, room, bounds)
    amplitudes, weights, halves = bounds.amplitudes, bounds.weights, bounds.halves
    tried = np.flatnonzero(halves)
    powers = np.linalg.eigvalsh(bounds.matrices[tried])[:, -1:] * (1 + ROUNDING) * bounds.prices[tried]
    errors = np.where(pairs.nodes >= 0, channels.errors[pairs.nodes], 0.0)[tried]
    # The common factor of the guesses at which the bound is least, where all nodes send then.
    scale = np.sqrt(powers.sum(axis=1, keepdims=True) / halves[tried, None])
    scale = np.where((powers >= errors * scale).all(axis=1, keepdims=True), scale, 1.0)
    spectral = halves[tried] * scale[:, 0] + np.maximum(0.0, powers / scale - errors).sum(axis=1)
    spectral *= 1 + ROUNDING
    lower = spectral < amplitudes[tried]
    amplitudes[tried[lower]], weights[tried[lower]] = spectral[lower], bounds.shares[tried[lower]]
    return Ceilings(amplitudes, weights)

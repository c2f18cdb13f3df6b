"""Upper bounds on what any beams reach, for batches of pairs, in compiled code: no solver needed.

The certificate is that of the semidefinite relaxation (`edgeopt.caching.beamforming.sdr`), whose numbers are found by
multiplicative steps instead of an interior-point method. Proof: docs/caching-proofs.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeopt.caching.beamforming.channels import ROUNDING, Channels, Floats, Integers, Pairs
from edgeopt.caching.beamforming.sdr import Certificate

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
    solved = _solve(channels, pairs, steps)
    amplitudes, weights, tried = solved.amplitudes, solved.weights, solved.tried
    spectral = (solved.fixed + solved.added.sum(axis=1)) * (1 + ROUNDING)
    lower = spectral < amplitudes[tried]
    amplitudes[tried[lower]], weights[tried[lower]] = spectral[lower], solved.shares[lower]
    return Ceilings(amplitudes, weights)


@dataclass(frozen=True)
class CeilingSums:
    """Upper bounds for audiences, each for every set of nodes.

    Attributes
    ----------
    fixed : numpy.ndarray of float64, shape (pairs,)
    added : numpy.ndarray of float64, shape (pairs, nodes of the network)
        No beams of a set S reach all users with more than the first plus the sum of these over S.
    """

    fixed: Floats
    added: Floats


def ceiling_sums(channels: Channels, pairs: Pairs, steps: int = STEPS) -> CeilingSums:
    """Bound every set of nodes for the audience of each pair, sharply for the pair's own nodes.

    Parameters
    ----------
    channels : Channels
    pairs : Pairs
    steps : int
        Effort; any number gives valid bounds.
    """
    solved = _solve(channels, pairs, steps)
    weights, fixed = solved.weights, np.zeros(len(pairs))
    weights[solved.tried], fixed[solved.tried] = solved.shares, solved.fixed
    added = _alone(channels, pairs.users, weights)
    nodes = pairs.nodes[solved.tried]
    row, column = np.nonzero(nodes >= 0)
    added[solved.tried[row], nodes[row, column]] = solved.added[row, column]
    return CeilingSums(fixed * (1 + ROUNDING), added * (1 + ROUNDING))


def over_the_network(channels: Channels, pair: Pairs, certificate: Certificate) -> CeilingSums:
    """Extend the certificate of one pair to sets with other nodes."""
    added = _alone(channels, pair.users, certificate.weights[None])
    added[0, pair.nodes[0]] = certificate.added
    return CeilingSums(np.array([certificate.fixed * (1 + ROUNDING)]), added * (1 + ROUNDING))


def _alone(channels: Channels, users: Integers, weights: Floats) -> Floats:
    """Return what each node adds at most to the mean of the users' robust amplitudes, shape (pairs, nodes).

    Parameters
    ----------
    channels : Channels
    users : numpy.ndarray of int64, shape (pairs, most users)
        Padded with -1.
    weights : numpy.ndarray of float64, shape (pairs, most users)
        Sum to one.
    """
    reach = channels.reach()[:, np.maximum(users, 0)]
    added: Floats = np.einsum("nck,ck->cn", reach, np.where(users >= 0, weights, 0.0))
    return added


@dataclass(frozen=True)
class _Solved:
    """The bounds by weakest users, and the parts of the spectral bounds of the pairs that were tried."""

    amplitudes: Floats
    weights: Floats
    tried: Integers
    shares: Floats
    fixed: Floats
    added: Floats


def _solve(channels: Channels, pairs: Pairs, steps: int) -> _Solved:
    from edgeopt.caching.beamforming.ceiling_kernels import Bounds, Room, bound_pairs

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
    tried = np.flatnonzero(bounds.halves)
    halves = bounds.halves[tried]
    powers = np.linalg.eigvalsh(bounds.matrices[tried])[:, -1:] * (1 + ROUNDING) * bounds.prices[tried]
    errors = np.where(pairs.nodes >= 0, channels.errors[pairs.nodes], 0.0)[tried]
    # The common factor of the guesses at which the bound is least, where all nodes send then.
    scale = np.sqrt(powers.sum(axis=1, keepdims=True) / halves[:, None])
    scale = np.where((powers >= errors * scale).all(axis=1, keepdims=True), scale, 1.0)
    added = np.maximum(0.0, powers / scale - errors)
    return _Solved(bounds.amplitudes, bounds.weights, tried, bounds.shares[tried], halves * scale[:, 0], added)

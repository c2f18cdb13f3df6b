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
    from edgeopt.caching.beamforming.ceiling_kernels import bound_pairs

    amplitudes, weights = np.zeros(len(pairs)), np.zeros(pairs.users.shape)
    bound_pairs(channels.scaled, channels.errors, pairs.nodes, pairs.users, steps, amplitudes, weights)
    return Ceilings(amplitudes, weights)

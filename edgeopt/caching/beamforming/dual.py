"""Beamformers from the dual of the fixed-phase problem, for batches of pairs: the default of every method.

With the phases of the received signals fixed, the best beamformer is a second-order cone program, whose dual is to
minimise sum_n (||sum_k lambda_k e^{j phi_k} h_nk|| - e_n)_+ over the simplex. Derivation: docs/caching-proofs.md.
"""

from __future__ import annotations

import numpy as np

from edgeopt.caching.beamforming.channels import Beams, Channels, Pairs, robust_amplitudes

ROUNDS = 8  # new phases after each round
STEPS = 12  # of exponentiated gradient within a round
LONGER = 1e-12  # relative, by which rounding may make a vector longer
STARTS = 4  # up to three aligned with the weakest users, the others with spread phases


def dual(channels: Channels, pairs: Pairs, rounds: int = ROUNDS, steps: int = STEPS, starts: int = STARTS) -> Beams:
    """Find beamformers by exponentiated gradient on the dual, from several starts; they depend on (S, K) alone.

    Parameters
    ----------
    channels : Channels
    pairs : Pairs
    rounds, steps, starts : int
        Effort; the defaults are within 1 % of the best known amplitude on the mean (benchmarks/caching).
    """
    from edgeopt.caching.beamforming.dual_kernels import Room, solve_pairs

    antennas = channels.scaled.shape[2]
    amplitudes = np.zeros(len(pairs))
    vectors = np.zeros((len(pairs), pairs.nodes.shape[1], antennas), np.complex128)
    room = Room.of(pairs.nodes.shape[1], pairs.users.shape[1])
    solve_pairs(pairs.arrays(channels), rounds, steps, starts, room, amplitudes, vectors)
    return _within_power(channels, pairs, Beams(amplitudes, vectors))


def _within_power(channels: Channels, pairs: Pairs, beams: Beams) -> Beams:
    """Shorten vectors longer than one: where channels nearly cancel, the kernels know lengths only roughly."""
    length = np.linalg.norm(beams.vectors, axis=2)
    long = np.flatnonzero(length.max(axis=1, initial=0.0) > 1 + LONGER)
    if len(long):
        beams.vectors[long] /= np.maximum(length[long], 1.0)[:, :, None]
        robust = robust_amplitudes(channels, Pairs(pairs.nodes[long], pairs.users[long]), beams.vectors[long])
        beams.amplitudes[long] = np.maximum(robust, 0.0)
    return beams

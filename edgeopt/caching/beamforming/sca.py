"""Successive convex approximation: the fixed-phase second-order cone program on Clarabel, phases renewed. A reference.

Needs the extra `radio`. The default beamformer (`dual`) solves the same programs by their dual, without a solver.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from edgeopt.caching.beamforming.channels import Beams, Channels, Complexes, Floats, Pairs, robust_amplitudes
from edgeopt.caching.beamforming.conic import clarabel, minimise
from edgeopt.caching.beamforming.dual import dual

PASSES = 20
ENOUGH = 1e-7  # relative gain of a pass below which the passes end


def sca(channels: Channels, pairs: Pairs, passes: int = PASSES, start: Beams | None = None) -> Beams:
    """Find beamformers by successive convex approximation, one pair after another.

    Parameters
    ----------
    channels : Channels
    pairs : Pairs
    passes : int
        Most cone programs for each pair.
    start : Beams, optional
        Where to start; default: a short `dual` run.
    """
    beams = dual(channels, pairs, rounds=1, starts=1) if start is None else start
    amplitudes, vectors = beams.amplitudes.copy(), beams.vectors.copy()
    for row in range(len(pairs)):
        pair = Pairs(pairs.nodes[row : row + 1], pairs.users[row : row + 1])
        nodes, users = pair.nodes[0][pair.nodes[0] >= 0], pair.users[0][pair.users[0] >= 0]
        local, errors = channels.scaled[np.ix_(nodes, users)], channels.errors[nodes]
        for _ in range(passes):
            received = np.einsum("nka,na->k", local.conj(), vectors[row, : len(nodes)])
            size = np.abs(received)
            phases = np.divide(received, size, out=np.ones_like(received), where=size > 0)
            better = vectors[row : row + 1].copy()
            better[0, : len(nodes)] = fixed_phase_beams(local, errors, phases)
            amplitude = float(robust_amplitudes(channels, pair, better)[0])
            if amplitude <= amplitudes[row] * (1 + ENOUGH):
                break
            amplitudes[row], vectors[row] = amplitude, better[0]
    return Beams(amplitudes, vectors)


def fixed_phase_beams(channels: Complexes, errors: Floats, phases: Complexes) -> Complexes:
    """Return the best beamformer when user k's signal counts only in its phase, shape (nodes, antennas).

    Maximise t subject to Re(conj(phase_k) sum_n h_nk^H w_n) - sum_n e_n a_n >= t and ||w_n|| <= a_n <= 1.

    Parameters
    ----------
    channels : numpy.ndarray of complex128, shape (nodes, users, antennas)
    errors : numpy.ndarray of float64, shape (nodes,)
    phases : numpy.ndarray of complex128, shape (users,)
    """
    solver = clarabel()
    nodes, users, antennas = channels.shape
    scale = max(float(np.abs(channels).max()), 1e-300)
    half = nodes * antennas  # columns: real parts, imaginary parts, lengths a_n, t
    columns = 2 * half + nodes + 1
    turned = (phases.conj()[None, :, None] * channels.conj() / scale).transpose(1, 0, 2).reshape(users, half)
    heard = np.hstack([-turned.real, turned.imag, np.tile(errors / scale, (users, 1)), np.ones((users, 1))])
    full = np.zeros((nodes, columns))
    full[np.arange(nodes), 2 * half + np.arange(nodes)] = 1.0
    lengths = np.zeros((nodes * (1 + 2 * antennas), columns))
    for node in range(nodes):
        first = node * (1 + 2 * antennas)
        lengths[first, 2 * half + node] = -1.0
        for antenna in range(antennas):
            lengths[first + 1 + antenna, node * antennas + antenna] = -1.0
            lengths[first + 1 + antennas + antenna, half + node * antennas + antenna] = -1.0
    cost = np.zeros(columns)
    cost[-1] = -1.0
    cones = [solver.NonnegativeConeT(users + nodes)]
    cones += [solver.SecondOrderConeT(1 + 2 * antennas) for _ in range(nodes)]
    right = np.concatenate([np.zeros(users), np.ones(nodes), np.zeros(len(lengths))])
    values, _ = minimise(cost, sparse.csc_matrix(np.vstack([heard, full, lengths])), right, cones)
    beams = (values[:half] + 1j * values[half : 2 * half]).reshape(nodes, antennas)
    length = np.maximum(np.linalg.norm(beams, axis=1, keepdims=True), 1.0)
    inside: Complexes = beams / length
    return inside

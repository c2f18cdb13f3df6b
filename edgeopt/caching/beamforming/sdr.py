"""Semidefinite relaxation on Clarabel: upper bounds that certify beamformers, and beamformers by randomization.

Needs the extra `radio`. With W in place of w w^H, the loss e_n ||w_n|| is at least e_n tr(W_nn) for beams of length at
most one, so the relaxation holds for robust amplitudes too, and is exact for nodes at full power or silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from edgeopt.caching.beamforming.channels import Beams, Channels, Complexes, Floats, Pairs, robust_amplitudes
from edgeopt.caching.beamforming.conic import clarabel, minimise

SAMPLES = 50


@dataclass(frozen=True)
class Relaxation:
    """What the relaxation of one pair gives.

    Attributes
    ----------
    bound : float
        No beamformer's least robust amplitude exceeds it.
    covariance : numpy.ndarray of complex128, shape (nodes * antennas, nodes * antennas)
        The solution W.
    """

    bound: float
    covariance: Complexes


def relaxations(channels: Channels, pairs: Pairs) -> list[Relaxation]:
    """Solve the relaxation of each pair."""
    found = []
    for nodes, users in zip(pairs.nodes, pairs.users, strict=True):
        members = nodes[nodes >= 0]
        found.append(relax(channels.scaled[np.ix_(members, users[users >= 0])], channels.errors[members]))
    return found


def sdr_bounds(channels: Channels, pairs: Pairs) -> Floats:
    """Upper bounds on the least robust amplitude of any beamformer, shape (pairs,)."""
    return np.array([relaxation.bound for relaxation in relaxations(channels, pairs)])


def sdr(channels: Channels, pairs: Pairs) -> Beams:
    """Beamformers by solving the relaxations and randomization."""
    return randomized(channels, pairs, relaxations(channels, pairs))


def randomized(
    channels: Channels, pairs: Pairs, solved: list[Relaxation], samples: int = SAMPLES, seed: int = 0
) -> Beams:
    """Beamformers from solved relaxations: the main direction, and random vectors of the covariance; the best."""
    rng = np.random.default_rng(seed)
    amplitudes = np.zeros(len(pairs))
    vectors = np.zeros((len(pairs), pairs.nodes.shape[1], channels.scaled.shape[2]), np.complex128)
    for row, relaxation in enumerate(solved):
        nodes = int((pairs.nodes[row] >= 0).sum())
        tried = _sampled(relaxation.covariance, nodes, samples, rng)
        same = np.full(len(tried), row)
        found = robust_amplitudes(channels, Pairs(pairs.nodes[same], pairs.users[same]), tried)
        best = int(np.argmax(found))
        if found[best] > 0:
            amplitudes[row], vectors[row, :nodes] = found[best], tried[best]
    return Beams(amplitudes, vectors)


def _sampled(covariance: Complexes, nodes: int, samples: int, rng: np.random.Generator) -> Complexes:
    """Beamformers drawn from a covariance, each node with its power there, shape (tried, nodes, antennas)."""
    values, directions = np.linalg.eigh(covariance)
    root = directions * np.sqrt(np.maximum(values, 0.0))
    drawn = rng.standard_normal((2, samples, len(values)))
    tried = np.vstack([root[:, -1], (drawn[0] + 1j * drawn[1]) @ root.T]).reshape(samples + 1, nodes, -1)
    power = np.real(np.diag(covariance)).reshape(nodes, -1).sum(axis=1)
    length = np.linalg.norm(tried, axis=2, keepdims=True)
    tried = np.divide(tried, length, out=np.zeros_like(tried), where=length > 0)
    scaled: Complexes = tried * np.sqrt(np.clip(power, 0.0, 1.0))[None, :, None]
    return scaled


def relax(channels: Complexes, errors: Floats) -> Relaxation:
    """Solve the relaxation: maximise t s.t. sqrt(h_k^H W h_k) - sum_n e_n tr(W_nn) >= t, tr(W_nn) <= 1, W >= 0.

    Parameters
    ----------
    channels : numpy.ndarray of complex128, shape (nodes, users, antennas)
    errors : numpy.ndarray of float64, shape (nodes,)
    """
    solver = clarabel()
    nodes, users, antennas = channels.shape
    scale = max(float(np.linalg.norm(channels, axis=2).sum(axis=0).min()), 1e-300)
    stacked, local = channels.transpose(1, 0, 2).reshape(users, -1) / scale, errors / scale
    size = nodes * antennas
    packed = _Packing(2 * size)
    power = np.array([packed.half(np.diag(_node_diagonal(node, nodes, antennas))) for node in range(nodes)])
    heard = np.array([packed.half(np.outer(h, h.conj())) for h in stacked])
    width = packed.length + 1 + users  # columns: W packed, t, amplitudes s_k with s_k^2 <= h_k^H W h_k
    rows = np.zeros((nodes + users + 3 * users, width))
    right = np.zeros(len(rows))
    rows[:nodes, : packed.length], right[:nodes] = power, 1.0
    for k in range(users):
        line = rows[nodes + k]
        line[: packed.length], line[packed.length], line[packed.length + 1 + k] = local @ power, 1.0, -1.0
        cone = nodes + users + 3 * k  # ||(2 s, q - 1)|| <= q + 1
        rows[cone, : packed.length], right[cone] = -heard[k], 1.0
        rows[cone + 1, packed.length + 1 + k] = -2.0
        rows[cone + 2, : packed.length], right[cone + 2] = -heard[k], -1.0
    identity = sparse.eye(packed.length, width, format="csc")
    cost = np.zeros(width)
    cost[packed.length] = -1.0
    cones = [solver.NonnegativeConeT(nodes + users)]
    cones += [solver.SecondOrderConeT(3) for _ in range(users)] + [solver.PSDTriangleConeT(2 * size)]
    values, duals = minimise(
        cost,
        sparse.vstack([sparse.csc_matrix(rows), -identity]).tocsc(),
        np.concatenate([right, np.zeros(packed.length)]),
        cones,
    )
    bound = certificate(stacked, local, duals[nodes : nodes + users], values[packed.length + 1 :], duals[:nodes])
    return Relaxation(bound * scale, packed.complex_matrix(values[: packed.length]))


def certificate(stacked: Complexes, errors: Floats, weights: Floats, amplitudes: Floats, prices: Floats) -> float:
    """Upper bound on the least robust amplitude, valid whatever the last three arguments are.

    With weights lambda (summing to 1), any c_k > 0 and sqrt(q) <= q / (2 c) + c / 2, every w with ||w_n|| <= 1 has
    min_k (|h_k^H w| - sum_n e_n ||w_n||) <= sum_k lambda_k c_k / 2 + w^H M w, where M = sum_k lambda_k / (2 c_k)
    h_k h_k^H - diag(e_n I); and w^H M w <= sum_n mu_n if diag(mu_n I) - M is positive semidefinite, mu >= 0. The
    prices mu are raised by the largest eigenvalue that stands against it.

    Parameters
    ----------
    stacked : numpy.ndarray of complex128, shape (users, nodes * antennas)
    errors : numpy.ndarray of float64, shape (nodes,)
    weights, amplitudes : numpy.ndarray of float64, shape (users,)
    prices : numpy.ndarray of float64, shape (nodes,)
    """
    antennas = stacked.shape[1] // len(errors)
    weights = np.maximum(weights, 0.0)
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(weights), 1 / len(weights))
    amplitudes = np.maximum(amplitudes, 1e-9)
    prices = np.maximum(prices, 0.0)
    matrix = (stacked.T * (weights / (2 * amplitudes))) @ stacked.conj()
    matrix -= np.diag(np.repeat(errors + prices, antennas))
    excess = max(0.0, float(np.linalg.eigvalsh(matrix)[-1]))
    return float(weights @ amplitudes / 2 + prices.sum() + len(prices) * excess)


def _node_diagonal(node: int, nodes: int, antennas: int) -> Floats:
    diagonal: Floats = np.repeat(np.arange(nodes) == node, antennas).astype(np.float64)
    return diagonal


class _Packing:
    """Complex Hermitian matrices of size n as real symmetric ones of size 2n, upper triangles packed by columns."""

    def __init__(self, size: int) -> None:
        self.size = size
        columns, rows = np.tril_indices(size)  # the upper triangle, column after column
        self.rows, self.columns = rows, columns
        self.length = len(rows)
        self.factor = np.where(rows == columns, 1.0, np.sqrt(2.0))

    def half(self, matrix: Complexes | Floats) -> Floats:
        """Pack a Hermitian matrix A such that the product with a packed W is tr(A W)."""
        real, imaginary = np.real(matrix), np.imag(matrix)
        doubled = np.block([[real, -imaginary], [imaginary, real]]) / 2
        packed: Floats = doubled[self.rows, self.columns] * self.factor
        return packed

    def complex_matrix(self, packed: Floats) -> Complexes:
        """Read a Hermitian matrix back."""
        doubled = np.zeros((self.size, self.size))
        doubled[self.rows, self.columns] = packed / self.factor
        doubled = doubled + np.triu(doubled, 1).T
        half = self.size // 2
        real = (doubled[:half, :half] + doubled[half:, half:]) / 2
        imaginary = (doubled[half:, :half] - doubled[:half, half:]) / 2
        return real + 1j * imaginary

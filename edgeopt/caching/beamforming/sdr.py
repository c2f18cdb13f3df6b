"""Semidefinite relaxation: upper bounds that certify beamformers, and beamformers from its solution.

With W in place of w w^H, the loss e_n ||w_n|| is at least e_n tr(W_nn) for beams of length at most one. So the
relaxation holds for robust amplitudes too, and it is exact for nodes at full power or silent. Its dual has one
variable for each node and each user only (docs/caching-proofs.md):

    minimise 1 / (4 sum_k p_k) + sum_n (d_n - e_n)   s.t.  diag(d_n I) - sum_k p_k h_k h_k^H >= 0,  p >= 0,  d_n >= e_n.

A barrier method of Newton steps solves it; its last matrix gives W.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from edgeopt.caching.beamforming.channels import Beams, Channels, Complexes, Floats, Pairs, robust_amplitudes

SAMPLES = 50
FALL = 0.1  # of the weight of the barrier, from one centre to the next
CLOSE = 1e-11  # distance to the dual's optimum at which the last centre stands by default, relative to the bound
CENTRED = 0.1  # Newton decrement at which a centre counts as reached
MOST_STEPS = 400
SILENT = 1e-3  # power below which a node is meant to be silent
UNIT = float(np.finfo(np.float64).eps)
ROUNDING = 1e-13  # relative; of sums and square roots
RIDGE = 1e-14  # on the diagonal of a scaled Hessian, which users with the same channels make singular


@dataclass(frozen=True)
class Certificate:
    """A sum that no beams exceed, for any set of the nodes.

    Attributes
    ----------
    fixed : float
    added : numpy.ndarray of float64, shape (nodes,)
        What each node of the set adds.
    weights : numpy.ndarray of float64, shape (users,)
        Sum to one; even the mean of the robust amplitudes with these weights does not exceed the sum.
    """

    fixed: float
    added: Floats
    weights: Floats

    @property
    def bound(self) -> float:
        """That of all nodes together."""
        return (self.fixed + float(self.added.sum())) * (1 + ROUNDING)


@dataclass(frozen=True)
class BeamRelaxation:
    """The solved relaxation of one pair.

    Attributes
    ----------
    bound : float
        No beamformer's least robust amplitude exceeds it.
    covariance : numpy.ndarray of complex128, shape (nodes * antennas, nodes * antennas)
        The solution W.
    certificate : Certificate
    """

    bound: float
    covariance: Complexes
    certificate: Certificate


def relaxations(channels: Channels, pairs: Pairs, close: float = CLOSE) -> list[BeamRelaxation]:
    """Solve the relaxation of each pair; see `relax`."""
    solved = []
    for nodes, users in zip(pairs.nodes, pairs.users, strict=True):
        members = nodes[nodes >= 0]
        solved.append(relax(channels.scaled[np.ix_(members, users[users >= 0])], channels.errors[members], close))
    return solved


def sdr_bounds(channels: Channels, pairs: Pairs) -> Floats:
    """Return upper bounds on the least robust amplitude of any beamformer, shape (pairs,)."""
    return np.array([relaxation.bound for relaxation in relaxations(channels, pairs)])


def sdr(channels: Channels, pairs: Pairs) -> Beams:
    """Find beamformers by solving the relaxations and by randomization."""
    return randomized(channels, pairs, relaxations(channels, pairs))


def randomized(
    channels: Channels, pairs: Pairs, solved: list[BeamRelaxation], samples: int = SAMPLES, seed: int = 0
) -> Beams:
    """Make beamformers of solved relaxations: the best of the main direction and of random draws."""
    rng = np.random.default_rng(seed)
    amplitudes = np.zeros(len(pairs))
    vectors = np.zeros((len(pairs), pairs.nodes.shape[1], channels.scaled.shape[2]), np.complex128)
    for row, relaxation in enumerate(solved):
        nodes = int((pairs.nodes[row] >= 0).sum())
        tried = _sampled(relaxation.covariance, nodes, samples, rng)
        same = np.full(len(tried), row)
        robust = robust_amplitudes(channels, Pairs(pairs.nodes[same], pairs.users[same]), tried)
        best = int(np.argmax(robust))
        if robust[best] > 0:
            amplitudes[row], vectors[row, :nodes] = robust[best], tried[best]
    return Beams(amplitudes, vectors)


def _sampled(covariance: Complexes, nodes: int, samples: int, rng: np.random.Generator) -> Complexes:
    """Draw beamformers from a covariance, each node with its power there, shape (tried, nodes, antennas)."""
    values, directions = np.linalg.eigh(covariance)
    root = directions * np.sqrt(np.maximum(values, 0.0))
    drawn = rng.standard_normal((2, samples, len(values)))
    tried = np.vstack([root[:, -1], (drawn[0] + 1j * drawn[1]) @ root.T]).reshape(samples + 1, nodes, -1)
    power = np.real(np.diag(covariance)).reshape(nodes, -1).sum(axis=1)
    power = np.where(power < SILENT, 0.0, np.where(power > 1 - SILENT, 1.0, power))  # what is left is the barrier's
    length = np.linalg.norm(tried, axis=2, keepdims=True)
    tried = np.divide(tried, length, out=np.zeros_like(tried), where=length > 0)
    scaled: Complexes = tried * np.sqrt(np.clip(power, 0.0, 1.0))[None, :, None]
    return scaled


def relax(channels: Complexes, errors: Floats, close: float = CLOSE) -> BeamRelaxation:
    """Solve the relaxation: maximise t s.t. sqrt(h_k^H W h_k) - sum_n e_n tr(W_nn) >= t, tr(W_nn) <= 1, W >= 0.

    Parameters
    ----------
    channels : numpy.ndarray of complex128, shape (nodes, users, antennas)
    errors : numpy.ndarray of float64, shape (nodes,)
    close : float
        Distance to the optimum at which to end, relative to the bound, which holds at any.
    """
    nodes, _, antennas = channels.shape
    alone = Channels(channels, errors).reach().sum(axis=0)
    scale = float(alone.min())  # what the weakest user receives alone
    if scale == 0.0:
        silent = np.zeros((nodes * antennas, nodes * antennas), np.complex128)
        return BeamRelaxation(0.0, silent, Certificate(0.0, np.zeros(nodes), (alone == 0.0) / np.sum(alone == 0.0)))
    barrier = _Barrier(channels / scale, errors / scale)
    weight = 1.0
    for _ in range(MOST_STEPS):
        if barrier.step(weight) > CENTRED:
            continue
        if barrier.size * weight <= close * barrier.value():
            break
        weight *= FALL
    found = certificate(barrier.stacked, barrier.errors, barrier.powers, barrier.prices)
    bound = min(found.bound, 1 + ROUNDING) * scale
    scaled = Certificate(found.fixed * scale, found.added * scale, found.weights)
    return BeamRelaxation(bound, weight * barrier.inverse, scaled)


class _Barrier:
    """The dual at a strictly feasible point: the powers p of the users, and the prices d of the nodes."""

    def __init__(self, channels: Complexes, errors: Floats) -> None:
        nodes, users, antennas = channels.shape
        self.stacked, self.errors, self.antennas = channels.transpose(1, 0, 2).reshape(users, -1), errors, antennas
        self.size = nodes * antennas + nodes + users  # each barrier term keeps the centre `weight` off the optimum
        self.powers = np.full(users, 0.5 / users)
        square = np.linalg.norm(channels, axis=2) ** 2
        self.prices = 1.1 * errors + 2 * nodes * (square @ self.powers) + 1e-3
        start = _inverse(self._matrix(self.powers, self.prices))
        assert start is not None  # these prices exceed the largest eigenvalue of what they stand against
        self.inverse: Complexes = start

    def value(self) -> float:
        """Return the dual's objective."""
        return float(1 / (4 * self.powers.sum()) + (self.prices - self.errors).sum())

    def step(self, weight: float) -> float:
        """Take a damped Newton step towards the centre of this weight; return the Newton decrement before it."""
        nodes, users, slack = len(self.prices), len(self.powers), self.prices - self.errors
        total = self.powers.sum()
        image = self.stacked @ self.inverse.T  # row k: (inverse h_k)^T
        cross = self.stacked.conj() @ image.T
        blocks = self.inverse.reshape(nodes, self.antennas, nodes, self.antennas)
        gradient = np.concatenate(
            [
                -1 / (4 * weight * total**2) + np.diag(cross).real - 1 / self.powers,
                1 / weight - np.diag(self.inverse).real.reshape(nodes, -1).sum(axis=1) - 1 / slack,
            ]
        )
        mixed = -(np.abs(image.reshape(users, nodes, -1)) ** 2).sum(axis=2)
        among_users = np.abs(cross) ** 2 + 1 / (2 * weight * total**3) + np.diag(self.powers**-2)
        among_nodes = (np.abs(blocks) ** 2).sum(axis=(1, 3)) + np.diag(slack**-2)
        hessian = np.block([[among_users, mixed], [mixed.T, among_nodes]])
        root = np.sqrt(1 / np.diag(hessian))
        scaled = hessian * np.outer(root, root) + RIDGE * np.eye(len(root))
        direction = -root * np.linalg.solve(scaled, root * gradient)
        decrement = sqrt(max(0.0, -float(gradient @ direction)))
        size = 1.0 if decrement < 0.25 else 1 / (1 + decrement)
        while size > 1e-12:
            powers, prices = self.powers + size * direction[:users], self.prices + size * direction[users:]
            if float(np.min(powers)) > 0 and float(np.min(prices - self.errors)) > 0:
                inverse = _inverse(self._matrix(powers, prices))
                if inverse is not None:
                    self.powers, self.prices, self.inverse = powers, prices, inverse
                    return decrement
            size /= 2
        return 0.0

    def _matrix(self, powers: Floats, prices: Floats) -> Complexes:
        return np.diag(np.repeat(prices, self.antennas)) - (self.stacked.T * powers) @ self.stacked.conj()


def _inverse(matrix: Complexes) -> Complexes | None:
    """Return the inverse of a Hermitian matrix; None when it is not positive definite."""
    try:
        root = np.linalg.inv(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return None
    inverse: Complexes = root.conj().T @ root
    return inverse


def certificate(stacked: Complexes, errors: Floats, powers: Floats, prices: Floats) -> Certificate:
    """Return upper bounds on the least robust amplitude, valid whatever the last two arguments are.

    The prices are raised by the largest eigenvalue that stands against the dual's matrix inequality, and by what
    rounding may hide of it. Proof: docs/caching-proofs.md.

    Parameters
    ----------
    stacked : numpy.ndarray of complex128, shape (users, nodes * antennas)
    errors, prices : numpy.ndarray of float64, shape (nodes,)
    powers : numpy.ndarray of float64, shape (users,)
    """
    powers = np.maximum(powers, 0.0)
    total = float(powers.sum())
    if total == 0.0:
        return Certificate(np.inf, np.zeros(len(errors)), np.full(len(powers), 1 / len(powers)))
    size = stacked.shape[1]
    product = (stacked.T * powers) @ stacked.conj()
    matrix = product - np.diag(np.repeat(prices, size // len(errors)))
    largest = float(np.trace(product).real + np.abs(prices).max())
    excess = max(0.0, float(np.linalg.eigvalsh(matrix)[-1])) + 4 * UNIT * (size + len(powers) + 8) * size * largest
    return Certificate(1 / (4 * total), np.maximum(0.0, prices + excess - errors), powers / total)

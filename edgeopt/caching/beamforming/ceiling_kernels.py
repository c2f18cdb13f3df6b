"""Compiled kernels of upper bounds on amplitudes, in the units of `Channels`."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from numba import njit

from edgeopt.caching.beamforming.channels import Complexes, Floats, Integers

ROUNDING = 1e-10  # relative; bounds are raised by it
LEAST = 1e-12
SMALLEST_LOG = log(1e-6)


@njit(cache=True, nogil=True)
def bound_pairs(
    channels: Complexes,
    errors: Floats,
    nodes: Integers,
    users: Integers,
    steps: int,
    amplitudes: Floats,
    weights: Floats,
) -> None:
    """Bound the least robust amplitude of many pairs; `amplitudes` and `weights` are filled in.

    Parameters
    ----------
    channels : array, shape (nodes, users, antennas)
    errors : array, shape (nodes,)
    nodes, users : arrays, shape (pairs, ...)
        The pairs, padded with -1.
    steps : int
    amplitudes : array, shape (pairs,)
    weights : array, shape (pairs, most users)
    """
    for pair in range(len(nodes)):
        node_count, user_count = (nodes[pair] >= 0).sum(), (users[pair] >= 0).sum()
        products = np.zeros((node_count, user_count, user_count), np.complex128)
        error = np.empty(node_count)
        alone = np.zeros(user_count)
        for n in range(node_count):
            error[n] = errors[nodes[pair, n]]
            for k in range(user_count):
                for other in range(user_count):
                    for a in range(channels.shape[2]):
                        products[n, k, other] += (
                            np.conj(channels[nodes[pair, n], users[pair, k], a])
                            * channels[nodes[pair, n], users[pair, other], a]
                        )
                alone[k] += max(0.0, sqrt(products[n, k, k].real) - error[n])
        if user_count == 0:
            continue
        weakest = np.argmin(alone)
        amplitudes[pair] = alone[weakest] * (1 + ROUNDING)
        weights[pair] = 0.0
        weights[pair, weakest] = 1.0
        if steps > 0 and user_count > 1 and alone[weakest] > 0.0:
            found, shares = _spectral(products, error, alone, steps)
            if found < amplitudes[pair]:
                amplitudes[pair] = found
                weights[pair, :user_count] = shares


@njit(cache=True, nogil=True)
def _spectral(products: Complexes, errors: Floats, alone: Floats, steps: int) -> tuple[float, Floats]:
    """Lower the spectral bound by multiplicative steps; the least one seen, and its weights.

    For weights lambda, guesses c of the amplitudes and prices d of the nodes' power, the bound is
    sum_k lambda_k c_k / 2 + sum_n (s d_n - e_n)_+ with the least s for which diag(s d_n I) - sum_k lambda_k / (2 c_k)
    h_k h_k^H is positive semidefinite: the largest eigenvalue of a matrix over the users.
    """
    nodes, users = products.shape[0], products.shape[1]
    weights, guesses, prices = np.empty(users), alone.copy(), np.empty(nodes)
    for k in range(users):
        weights[k] = exp(-3.0 * (alone[k] / alone.min() - 1))
        guesses[k] = max(alone[k], LEAST)
    weights /= weights.sum()
    for n in range(nodes):
        prices[n] = LEAST
        for k in range(users):
            prices[n] += products[n, k, k].real * weights[k] / (2 * guesses[k])
    kept = (weights.copy(), guesses.copy(), prices.copy())
    least = np.inf
    matrix = np.empty((users, users), np.complex128)
    vector, image = np.ones(users, np.complex128) / sqrt(users), np.empty(users, np.complex128)
    heard, received = np.empty(nodes), np.empty(users)
    for step in range(steps):
        _fill(products, weights, guesses, prices, matrix)
        top = 0.0
        for _ in range(3):
            top = _power_step(matrix, vector, image)
        bound, scale = _bound(weights, guesses, prices, errors, top)
        if bound < least:
            least = bound
            kept = (weights.copy(), guesses * scale, prices * (top / scale))
        # The beams that stand against a lower bound: of node n along its channels weighted by the vector, over d_n.
        _beams(products, weights, guesses, prices, vector, heard, received)
        size = 1.0 / sqrt(1.0 + 0.3 * step)
        weakest = received.min()
        for n in range(nodes):
            prices[n] *= top * exp(size * max(SMALLEST_LOG, log(max(heard[n], LEAST))))
        for k in range(users):
            guesses[k] *= exp(0.5 * size * min(1.0, max(-1.0, log(max(received[k], LEAST) / guesses[k]))))
            weights[k] *= exp(-size * (received[k] - weakest) / max(received.max(), LEAST))
        weights /= weights.sum()
    weights, guesses, prices = kept
    _fill(products, weights, guesses, prices, matrix)
    top = np.linalg.eigvalsh(matrix)[-1] * (1 + ROUNDING)
    bound, _ = _bound(weights, guesses, prices, errors, top)
    return bound * (1 + ROUNDING), weights


@njit(cache=True, nogil=True)
def _fill(products: Complexes, weights: Floats, guesses: Floats, prices: Floats, matrix: Complexes) -> None:
    users = len(weights)
    for k in range(users):
        for other in range(users):
            total = 0j
            for n in range(len(prices)):
                total += products[n, k, other] / prices[n]
            matrix[k, other] = total * sqrt(weights[k] / (2 * guesses[k])) * sqrt(weights[other] / (2 * guesses[other]))


@njit(cache=True, nogil=True)
def _power_step(matrix: Complexes, vector: Complexes, image: Complexes) -> float:
    """One step of power iteration; about the largest eigenvalue."""
    total = 0.0
    for k in range(len(vector)):
        image[k] = 0.0
        for other in range(len(vector)):
            image[k] += matrix[k, other] * vector[other]
        total += image[k].real ** 2 + image[k].imag ** 2
    total = max(sqrt(total), LEAST)
    vector[:] = image / total
    return total


@njit(cache=True, nogil=True)
def _bound(weights: Floats, guesses: Floats, prices: Floats, errors: Floats, top: float) -> tuple[float, float]:
    """The bound when the largest eigenvalue is `top`, and the common factor of the guesses at which it is least."""
    half, power = (weights * guesses).sum() / 2, top * prices.sum()
    scale = sqrt(power / half) if half > 0 else 1.0
    free = True
    for n in range(len(prices)):
        if prices[n] * top < errors[n] * scale:
            free = False
    if not free:
        scale = 1.0
    bound = half * scale
    for n in range(len(prices)):
        bound += max(0.0, prices[n] * top / scale - errors[n])
    return bound, scale


@njit(cache=True, nogil=True)
def _beams(
    products: Complexes,
    weights: Floats,
    guesses: Floats,
    prices: Floats,
    vector: Complexes,
    heard: Floats,
    received: Floats,
) -> None:
    """Fill in lengths of the nodes' beams, 1 in the mean of squares, and what the users receive from them."""
    nodes, users = products.shape[0], products.shape[1]
    part = np.empty(users, np.complex128)
    for k in range(users):
        part[k] = vector[k] * sqrt(weights[k] / (2 * guesses[k]))
    total = 0.0
    sums = np.zeros(users, np.complex128)
    for n in range(nodes):
        square = 0.0
        for k in range(users):
            image = 0j
            for other in range(users):
                image += products[n, k, other] * part[other]
            square += (np.conj(part[k]) * image).real
            sums[k] += image / prices[n]
        heard[n] = sqrt(max(0.0, square)) / prices[n]
        total += heard[n] ** 2
    mean = max(sqrt(total / nodes), LEAST)
    for n in range(nodes):
        heard[n] /= mean
    for k in range(users):
        received[k] = abs(sums[k]) / mean

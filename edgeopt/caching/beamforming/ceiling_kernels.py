"""Compiled kernels of upper bounds on amplitudes, in the units of `Channels`."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np

from edgeopt.caching.beamforming.channels import CANCELLING, Complexes, Floats, PairArrays
from edgeopt.kernels import inner_kernel, kernel

ROUNDING = 1e-10  # relative; bounds are raised by it
LEAST = 1e-12
SMALLEST_LOG = log(1e-6)


class Bounds(NamedTuple):
    """The bound of each pair by its weakest user, and the numbers of `_spectral` where a spectral bound may be lower.

    Attributes
    ----------
    amplitudes : array, shape (pairs,)
        What the weakest user alone can receive.
    weights : array, shape (pairs, most users)
        1 for that user.
    halves : array, shape (pairs,)
    shares : array, shape (pairs, most users)
    prices : array, shape (pairs, most nodes)
    matrices : array, shape (pairs, most users, most users)
    """

    amplitudes: Floats
    weights: Floats
    halves: Floats
    shares: Floats
    prices: Floats
    matrices: Complexes


@kernel(allocates=True, nogil=True, error_model="numpy")
def bound_pairs(pairs: PairArrays, steps: int, bounds: Bounds) -> None:
    """Fill in bounds on the least robust amplitude of many pairs, all zero before."""
    channels, errors, nodes, users = pairs.channels, pairs.errors, pairs.nodes, pairs.users
    amplitudes, weights, halves = bounds.amplitudes, bounds.weights, bounds.halves
    shares, prices, matrices = bounds.shares, bounds.prices, bounds.matrices
    for pair in range(nodes.shape[0]):
        node_count, user_count = 0, 0
        while node_count < nodes.shape[1] and nodes[pair, node_count] >= 0:
            node_count += 1
        while user_count < users.shape[1] and users[pair, user_count] >= 0:
            user_count += 1
        if user_count == 0:
            continue
        products = np.empty((node_count, user_count, user_count), np.complex128)
        error = np.empty(node_count)
        for n in range(node_count):
            error[n] = errors[nodes[pair, n]]
        alone = np.empty(user_count)
        weakest = 0
        for k in range(user_count):
            alone[k] = 0.0
            for n in range(node_count):
                for other in range(user_count):
                    product = 0j
                    for a in range(channels.shape[2]):
                        product += (
                            np.conj(channels[nodes[pair, n], users[pair, k], a])
                            * channels[nodes[pair, n], users[pair, other], a]
                        )
                    products[n, k, other] = product
                alone[k] += max(0.0, sqrt(products[n, k, k].real) * (1 + CANCELLING) - error[n])
            if alone[k] < alone[weakest]:
                weakest = k
        amplitudes[pair] = alone[weakest] * (1 + ROUNDING)
        weights[pair, weakest] = 1.0
        if steps > 0 and user_count > 1 and alone[weakest] > 0.0:
            shortest = alone[weakest]
            for n in range(node_count):
                error[n] /= shortest
                for k in range(user_count):
                    for other in range(user_count):
                        products[n, k, other] *= 1.0 / shortest**2
            for k in range(user_count):
                alone[k] /= shortest
            halves[pair] = shortest * _spectral(
                products, error, alone, steps, shares[pair], prices[pair], matrices[pair]
            )
            for n in range(node_count):
                prices[pair, n] *= shortest


@kernel(cache=False, inline="always", error_model="numpy")
def _spectral(
    products: Complexes,
    errors: Floats,
    alone: Floats,
    steps: int,
    kept_weights: Floats,
    kept_prices: Floats,
    matrix: Complexes,
) -> float:
    """Lower the spectral bound by multiplicative steps; leave weights, prices and matrix of the least one seen.

    Amplitudes are in units of what the weakest user receives alone. For weights lambda, guesses c of the amplitudes
    and prices d of the nodes' power, the bound is sum_k lambda_k c_k / 2 + sum_n (s d_n - e_n)_+ with the least s for
    which diag(s d_n I) - sum_k lambda_k / (2 c_k) h_k h_k^H is positive semidefinite: the largest eigenvalue of a
    matrix over the users.

    Returns
    -------
    float
        The first sum.
    """
    nodes, users = products.shape[0], products.shape[1]
    weights, guesses, prices = np.empty(users), np.empty(users), np.empty(nodes)
    kept_guesses = np.empty(users)
    total = 0.0
    for k in range(users):
        weights[k] = exp(-3.0 * (alone[k] - 1))
        guesses[k] = max(alone[k], LEAST)
        total += weights[k]
    for k in range(users):
        weights[k] /= total
        kept_weights[k], kept_guesses[k] = weights[k], guesses[k]
    for n in range(nodes):
        prices[n] = LEAST
        for k in range(users):
            prices[n] += products[n, k, k].real * weights[k] / (2 * guesses[k])
        kept_prices[n] = prices[n]
    least = np.inf
    vector, image = np.empty(users, np.complex128), np.empty(users, np.complex128)
    for k in range(users):
        vector[k] = 1.0 / sqrt(users)
    heard, received = np.empty(nodes), np.empty(users)
    for step in range(steps):
        _fill(products, weights, guesses, prices, matrix)
        top = 0.0
        for _ in range(3):
            top = _power_step(matrix, vector, image)
        bound, scale = _bound(weights, guesses, prices, errors, top)
        if bound < least:
            least = bound
            for k in range(users):
                kept_weights[k], kept_guesses[k] = weights[k], guesses[k] * scale
            for n in range(nodes):
                kept_prices[n] = prices[n] * (top / scale)
        # The beams that stand against a lower bound: of node n along its channels weighted by the vector, over d_n.
        _beams(products, weights, guesses, prices, vector, heard, received)
        size = 1.0 / sqrt(1.0 + 0.3 * step)
        weakest, strongest = np.inf, LEAST
        for k in range(users):
            weakest, strongest = min(weakest, received[k]), max(strongest, received[k])
        for n in range(nodes):
            prices[n] *= top * exp(size * max(SMALLEST_LOG, log(max(heard[n], LEAST))))
        total = 0.0
        for k in range(users):
            guesses[k] *= exp(0.5 * size * min(1.0, max(-1.0, log(max(received[k], LEAST) / guesses[k]))))
            weights[k] *= exp(-size * (received[k] - weakest) / strongest)
            total += weights[k]
        for k in range(users):
            weights[k] /= total
    half = 0.0
    for k in range(users):
        half += kept_weights[k] * kept_guesses[k] / 2
    _fill(products, kept_weights, kept_guesses, kept_prices, matrix)
    return half


@inner_kernel(error_model="numpy")
def _fill(products: Complexes, weights: Floats, guesses: Floats, prices: Floats, matrix: Complexes) -> None:
    for k in range(len(guesses)):
        for other in range(len(guesses)):
            total = 0j
            for n in range(len(products)):
                total += products[n, k, other] * (1.0 / prices[n])
            size = sqrt(weights[k] / (2 * guesses[k])) * sqrt(weights[other] / (2 * guesses[other]))
            matrix[k, other] = total * size


@inner_kernel(error_model="numpy")
def _power_step(matrix: Complexes, vector: Complexes, image: Complexes) -> float:
    """Make one step of power iteration; return about the largest eigenvalue."""
    total = 0.0
    for k in range(len(vector)):
        value = 0j
        for other in range(len(vector)):
            value += matrix[k, other] * vector[other]
        image[k] = value
        total += value.real**2 + value.imag**2
    total = max(sqrt(total), LEAST)
    for k in range(len(vector)):
        vector[k] = image[k] * (1.0 / total)
    return total


@inner_kernel(error_model="numpy")
def _bound(weights: Floats, guesses: Floats, prices: Floats, errors: Floats, top: float) -> tuple[float, float]:
    """Return the bound when the largest eigenvalue is `top`, and the factor of the guesses at which it is least."""
    half, power = 0.0, 0.0
    for k in range(len(weights)):
        half += weights[k] * guesses[k] / 2
    for n in range(len(prices)):
        power += prices[n] * top
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


@inner_kernel(allocates=True, error_model="numpy")
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
    part, sums = np.empty(users, np.complex128), np.empty(users, np.complex128)
    for k in range(users):
        sums[k] = 0j
        part[k] = vector[k] * sqrt(weights[k] / (2 * guesses[k]))
    total = 0.0
    for n in range(nodes):
        square = 0.0
        for k in range(users):
            image = 0j
            for other in range(users):
                image += products[n, k, other] * part[other]
            square += part[k].real * image.real + part[k].imag * image.imag
            sums[k] += image * (1.0 / prices[n])
        heard[n] = sqrt(max(0.0, square)) / prices[n]
        total += heard[n] ** 2
    mean = max(sqrt(total / nodes), LEAST)
    for n in range(nodes):
        heard[n] /= mean
    for k in range(users):
        received[k] = sqrt(sums[k].real ** 2 + sums[k].imag ** 2) / mean

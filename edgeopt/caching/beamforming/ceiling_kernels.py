"""Compiled kernels of upper bounds on amplitudes, in the units of `Channels`."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np

from edgeopt.caching.beamforming.channels import CANCELLING, ROUNDING, Complexes, Floats, PairArrays
from edgeopt.caching.beamforming.pair_kernels import measure
from edgeopt.kernels import inner_kernel, kernel

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


class Room(NamedTuple):
    """What the kernels write about one pair, with room for the largest; N nodes and K users.

    Attributes
    ----------
    products : array, shape (N, K, K)
        Inner products of the channels from each node.
    length : array, shape (N, K)
        Lengths of the channels.
    errors, prices, heard : array, shape (N,)
    alone, weights, guesses, kept_guesses, received : array, shape (K,)
    vector, image, sums : array, shape (K,)
    """

    products: Complexes
    length: Floats
    errors: Floats
    prices: Floats
    heard: Floats
    alone: Floats
    weights: Floats
    guesses: Floats
    kept_guesses: Floats
    received: Floats
    vector: Complexes
    image: Complexes
    sums: Complexes

    @classmethod
    def of(cls, nodes: int, users: int) -> Room:
        """Make room for pairs of at most so many nodes and users."""
        by_node, by_user = np.empty((3, nodes)), np.empty((5, users))
        products, factors = np.empty((nodes, users, users), np.complex128), np.empty((3, users), np.complex128)
        return cls(products, np.empty((nodes, users)), *by_node, *by_user, *factors)


@kernel(nogil=True, error_model="numpy")
def bound_pairs(pairs: PairArrays, steps: int, room: Room, bounds: Bounds) -> None:
    """Fill in bounds on the least robust amplitude of many pairs, all zero before."""
    products, errors, length, alone = room.products, room.errors, room.length, room.alone
    for pair in range(len(bounds.amplitudes)):
        node_count, user_count = measure(pairs, pair, products, errors, length)
        if user_count == 0:
            continue
        weakest = 0
        for k in range(user_count):
            alone[k] = 0.0
            for n in range(node_count):
                alone[k] += _at_least(length[n, k] * (1 + CANCELLING) - errors[n], 0.0)
            if alone[k] < alone[weakest]:
                weakest = k
        shortest = alone[weakest]
        bounds.amplitudes[pair] = shortest * (1 + ROUNDING)
        bounds.weights[pair, weakest] = 1.0
        if steps > 0 and user_count > 1 and shortest > 0.0:
            for n in range(node_count):
                errors[n] /= shortest
                for k in range(user_count):
                    for other in range(user_count):
                        products[n, k, other] = _times(products[n, k, other], 1.0 / (shortest * shortest))
            for k in range(user_count):
                alone[k] /= shortest
            half = _spectral(room, node_count, user_count, steps, bounds, pair)
            bounds.halves[pair] = shortest * half
            for n in range(node_count):
                bounds.prices[pair, n] *= shortest


@inner_kernel(error_model="numpy")
def _times(value: complex, factor: float) -> complex:
    """Multiply by a real number: numba's product of complex numbers takes a quarter of a second to compile."""
    return complex(value.real * factor, value.imag * factor)


@inner_kernel(error_model="numpy")
def _spectral(room: Room, nodes: int, users: int, steps: int, kept: Bounds, pair: int) -> float:
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
    weights, guesses, prices, received = room.weights, room.guesses, room.prices, room.received
    total = 0.0
    for k in range(users):
        weights[k] = exp(-3.0 * (room.alone[k] - 1))
        guesses[k] = _at_least(room.alone[k], LEAST)
        total += weights[k]
    for k in range(users):
        weights[k] /= total
        kept.shares[pair, k], room.kept_guesses[k] = weights[k], guesses[k]
        room.vector[k] = 1.0 / sqrt(users)
    for n in range(nodes):
        prices[n] = LEAST
        for k in range(users):
            prices[n] += room.products[n, k, k].real * weights[k] / (2 * guesses[k])
        kept.prices[pair, n] = prices[n]
    least = np.inf
    for step in range(steps):
        _fill(room, nodes, users, kept.matrices, pair)
        top = 0.0
        for _ in range(3):
            top = _power_step(kept.matrices, pair, users, room.vector, room.image)
        bound, scale = _bound(room, nodes, users, top)
        if bound < least:
            least = bound
            for k in range(users):
                kept.shares[pair, k], room.kept_guesses[k] = weights[k], guesses[k] * scale
            for n in range(nodes):
                kept.prices[pair, n] = prices[n] * (top / scale)
        # The beams that stand against a lower bound: of node n along its channels weighted by the vector, over d_n.
        _send(room, nodes, users)
        size = 1.0 / sqrt(1.0 + 0.3 * step)
        weakest, strongest = np.inf, LEAST
        for k in range(users):
            strongest = _at_least(received[k], strongest)
            if received[k] < weakest:
                weakest = received[k]
        for n in range(nodes):
            prices[n] *= top * exp(size * _at_least(log(_at_least(room.heard[n], LEAST)), SMALLEST_LOG))
        total = 0.0
        for k in range(users):
            turn = -_at_least(-_at_least(log(_at_least(received[k], LEAST) / guesses[k]), -1.0), -1.0)
            guesses[k] *= exp(0.5 * size * turn)
            weights[k] *= exp(-size * (received[k] - weakest) / strongest)
            total += weights[k]
        for k in range(users):
            weights[k] /= total
    half = 0.0
    for k in range(users):
        weights[k], guesses[k] = kept.shares[pair, k], room.kept_guesses[k]
        half += weights[k] * guesses[k] / 2
    for n in range(nodes):
        prices[n] = kept.prices[pair, n]
    _fill(room, nodes, users, kept.matrices, pair)
    return half


@inner_kernel(error_model="numpy")
def _at_least(value: float, least: float) -> float:
    return value if value > least else least


@inner_kernel(error_model="numpy")
def _fill(room: Room, nodes: int, users: int, matrices: Complexes, pair: int) -> None:
    """Fill in the matrix of a pair."""
    products, weights, guesses, prices = room.products, room.weights, room.guesses, room.prices
    for k in range(users):
        for other in range(users):
            real, imaginary = 0.0, 0.0
            for n in range(nodes):
                real += products[n, k, other].real * (1.0 / prices[n])
                imaginary += products[n, k, other].imag * (1.0 / prices[n])
            size = sqrt(weights[k] / (2 * guesses[k])) * sqrt(weights[other] / (2 * guesses[other]))
            matrices[pair, k, other] = complex(real * size, imaginary * size)


@inner_kernel(error_model="numpy")
def _power_step(matrices: Complexes, pair: int, users: int, vector: Complexes, image: Complexes) -> float:
    """Make one step of power iteration; return about the largest eigenvalue.

    A vector that the matrix takes to nothing is replaced by the user with the largest entry on the diagonal.
    """
    total = 0.0
    for k in range(users):
        real, imaginary = 0.0, 0.0
        for other in range(users):
            one, two = matrices[pair, k, other], vector[other]
            real += one.real * two.real - one.imag * two.imag
            imaginary += one.real * two.imag + one.imag * two.real
        image[k] = complex(real, imaginary)
        total += real * real + imaginary * imaginary
    total = sqrt(total)
    if total > LEAST:
        for k in range(users):
            vector[k] = _times(image[k], 1.0 / total)
        return total
    strongest = 0
    for k in range(users):
        vector[k] = 0j
        if matrices[pair, k, k].real > matrices[pair, strongest, strongest].real:
            strongest = k
    vector[strongest] = 1 + 0j
    return _at_least(matrices[pair, strongest, strongest].real, LEAST)


@inner_kernel(error_model="numpy")
def _bound(room: Room, nodes: int, users: int, top: float) -> tuple[float, float]:
    """Return the bound when the largest eigenvalue is `top`, and the factor of the guesses at which it is least."""
    weights, guesses, prices, errors = room.weights, room.guesses, room.prices, room.errors
    half, power = 0.0, 0.0
    for k in range(users):
        half += weights[k] * guesses[k] / 2
    for n in range(nodes):
        power += prices[n] * top
    scale = sqrt(power / half) if half > 0 else 1.0
    free = True
    for n in range(nodes):
        if prices[n] * top < errors[n] * scale:
            free = False
    if not free:
        scale = 1.0
    bound = half * scale
    for n in range(nodes):
        bound += _at_least(prices[n] * top / scale - errors[n], 0.0)
    return bound, scale


@inner_kernel(error_model="numpy")
def _send(room: Room, nodes: int, users: int) -> None:
    """Fill in lengths of the nodes' beams, 1 in the mean of squares, and what the users receive from them."""
    products, prices, heard, received = room.products, room.prices, room.heard, room.received
    part, sums = room.image, room.sums
    for k in range(users):
        sums[k] = 0j
        part[k] = _times(room.vector[k], sqrt(room.weights[k] / (2 * room.guesses[k])))
    total = 0.0
    for n in range(nodes):
        square = 0.0
        for k in range(users):
            real, imaginary = 0.0, 0.0
            for other in range(users):
                one, two = products[n, k, other], part[other]
                real += one.real * two.real - one.imag * two.imag
                imaginary += one.real * two.imag + one.imag * two.real
            square += part[k].real * real + part[k].imag * imaginary
            sums[k] += _times(complex(real, imaginary), 1.0 / prices[n])
        heard[n] = sqrt(_at_least(square, 0.0)) / prices[n]
        total += heard[n] * heard[n]
    mean = _at_least(sqrt(total / nodes), LEAST)
    for n in range(nodes):
        heard[n] /= mean
    for k in range(users):
        received[k] = sqrt(sums[k].real * sums[k].real + sums[k].imag * sums[k].imag) / mean

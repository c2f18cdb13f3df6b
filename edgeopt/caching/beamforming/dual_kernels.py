"""Compiled kernels of the dual beamformer; amplitudes in units in which the noise is one."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numba import njit

from edgeopt.caching.beamforming.channels import Complexes, Floats, Integers

STEP_SIZE = 3.0
ALIGNED_STARTS = 3
GOLDEN_RATIO = 0.6180339887498949
ENOUGH = 3e-3  # relative gap of a fixed-phase problem, and turn of phases, at which a step ends
AT_THE_BOUND = 1e-6  # relative; no start reaches more than the weakest user alone receives


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def solve_pairs(
    channels: Complexes,
    errors: Floats,
    nodes: Integers,
    users: Integers,
    rounds: int,
    steps: int,
    starts: int,
    amplitudes: Floats,
    vectors: Complexes,
) -> None:
    """Find beamformers of many pairs; `amplitudes` and `vectors` are filled in.

    Parameters
    ----------
    channels : array, shape (nodes, users, antennas)
    errors : array, shape (nodes,)
    nodes, users : arrays, shape (pairs, ...)
        The pairs, padded with -1.
    rounds, steps, starts : int
    amplitudes : array, shape (pairs,)
    vectors : array, shape (pairs, most nodes, antennas)
    """
    for pair in range(len(nodes)):
        node_count, user_count = _count(nodes[pair]), _count(users[pair])
        if node_count == 0 or user_count == 0:
            continue
        local = np.empty((node_count, user_count, channels.shape[2]), np.complex128)
        error = np.empty(node_count)
        for n in range(node_count):
            error[n] = errors[nodes[pair, n]]
            for k in range(user_count):
                local[n, k] = channels[nodes[pair, n], users[pair, k]]
        beam = vectors[pair]
        if user_count == 1:
            amplitudes[pair] = _towards_one_user(local, error, beam)
        else:
            amplitudes[pair] = _best_of_starts(local, error, rounds, steps, starts, beam)
        if amplitudes[pair] <= 0.0:
            amplitudes[pair] = 0.0
            beam[:] = 0.0


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _count(row: Integers) -> int:
    count = 0
    while count < len(row) and row[count] >= 0:
        count += 1
    return count


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _towards_one_user(channels: Complexes, errors: Floats, beam: Complexes) -> float:
    """Optimal for one user: each node sends along its channel if that is longer than the error, else it is silent."""
    amplitude = 0.0
    for n in range(len(channels)):
        length = _length(channels[n, 0])
        if length > errors[n]:
            amplitude += length - errors[n]
            beam[n] = channels[n, 0] / length
    return amplitude


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _length(vector: Complexes) -> float:
    total = 0.0
    for a in range(len(vector)):
        total += vector[a].real ** 2 + vector[a].imag ** 2
    return sqrt(total)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _best_of_starts(
    channels: Complexes, errors: Floats, rounds: int, steps: int, starts: int, beam: Complexes
) -> float:
    """Phases aligned with the weakest users first, then spread phases; ends early at an upper bound.

    All works with inner products of channels: beams are sums of the users' channels with the factors `mix`.
    """
    node_count, user_count, antennas = channels.shape
    products = np.zeros((node_count, user_count, user_count), np.complex128)
    length = np.empty((node_count, user_count))
    alone, strength = np.zeros(user_count), np.zeros(user_count)
    for n in range(node_count):
        for k in range(user_count):
            for other in range(user_count):
                for a in range(antennas):
                    products[n, k, other] += np.conj(channels[n, k, a]) * channels[n, other, a]
            length[n, k] = sqrt(products[n, k, k].real)
            strength[k] += length[n, k]
            alone[k] += max(0.0, length[n, k] - errors[n])
    weakest = np.argsort(strength)
    best, mix = -np.inf, np.zeros((node_count, user_count), np.complex128)
    phases = np.empty(user_count, np.complex128)
    for start in range(starts):
        if start < min(ALIGNED_STARTS, user_count):
            _align_phases(products, length, weakest[start], phases)
        else:
            for k in range(user_count):
                phases[k] = np.exp(2j * pi * GOLDEN_RATIO * k * (start - ALIGNED_STARTS + 1))
        best = _ascend(products, errors, phases, rounds, steps, best, mix)
        if best >= (1 - AT_THE_BOUND) * alone.min():
            break
    for n in range(node_count):
        beam[n] = 0.0
        for k in range(user_count):
            for a in range(antennas):
                beam[n, a] += mix[n, k] * channels[n, k, a]
    return best


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _align_phases(products: Complexes, length: Floats, user: int, phases: Complexes) -> None:
    """Phases at which all users receive what is sent along the channels of one of them."""
    for k in range(len(phases)):
        received = 0j
        for n in range(len(products)):
            if length[n, user] > 0.0:
                received += products[n, k, user] / length[n, user]
        phases[k] = _phase(received, 1 + 0j)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _phase(value: complex, otherwise: complex) -> complex:
    size = sqrt(value.real**2 + value.imag**2)
    return value / size if size > 0.0 else otherwise


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _ascend(
    products: Complexes, errors: Floats, phases: Complexes, rounds: int, steps: int, best: float, mix: Complexes
) -> float:
    """Alternate exponentiated gradient on the users' weights and new phases; keeps the best beamformer seen.

    A round ends when its best beamformer meets the dual value of the fixed-phase problem, and all end when phases stay.
    The mean of a round's beamformers is tried too: only means reach nodes that send with part of their power.
    """
    node_count, user_count = products.shape[0], products.shape[1]
    weights = np.full(user_count, 1.0 / user_count)
    current = np.zeros((node_count, user_count), np.complex128)
    mean = np.empty((node_count, user_count), np.complex128)
    received = np.empty(user_count, np.complex128)
    taken = 0
    for _ in range(rounds):
        mean[:] = 0.0
        most, ceiling, count = -np.inf, np.inf, 0
        while count == 0 or (count < steps and ceiling - most > ENOUGH * ceiling):
            taken += 1
            count += 1
            value, loss = _respond(products, errors, phases, weights, current, received)
            ceiling = min(ceiling, value)
            amplitude, aligned = _least(received, phases)
            most = max(most, aligned - loss)
            if amplitude - loss > best:
                best = amplitude - loss
                mix[:] = current
            mean += current
            _reweigh(phases, received, STEP_SIZE / sqrt(taken), weights)
        if count > 1:
            mean /= count
            loss = _receive(products, errors, mean, received)
            amplitude, _ = _least(received, phases)
            if amplitude - loss > best:
                best = amplitude - loss
                mix[:] = mean
            _receive(products, errors, current, received)
        turned = 0.0
        for k in range(user_count):
            phase = _phase(received[k], phases[k])
            turned = max(turned, (phase.real - phases[k].real) ** 2 + (phase.imag - phases[k].imag) ** 2)
            phases[k] = phase
        if turned < ENOUGH**2:
            break
    return best


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _respond(
    products: Complexes, errors: Floats, phases: Complexes, weights: Floats, mix: Complexes, received: Complexes
) -> tuple[float, float]:
    """Best beamformer for the weighted sum of users: along the sum of channels at full power, or silent.

    Returns
    -------
    tuple of (float, float)
        The dual value, and what the errors cost.
    """
    users = len(weights)
    value, loss = 0.0, 0.0
    received[:] = 0.0
    image = np.empty(users, np.complex128)
    for n in range(len(products)):
        square = 0.0
        for k in range(users):
            total = 0j
            for other in range(users):
                total += products[n, k, other] * (weights[other] * phases[other])
            image[k] = total
            square += weights[k] * (phases[k].real * total.real + phases[k].imag * total.imag)
        length = sqrt(max(0.0, square))
        if length > errors[n]:
            value += length - errors[n]
            loss += errors[n]
            for k in range(users):
                received[k] += image[k] / length
                mix[n, k] = weights[k] * phases[k] / length
        else:
            mix[n] = 0.0
    return value, loss


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _receive(products: Complexes, errors: Floats, mix: Complexes, received: Complexes) -> float:
    """Fill in what the users receive; return what the errors cost."""
    users = len(received)
    received[:] = 0.0
    loss = 0.0
    for n in range(len(products)):
        square = 0.0
        for k in range(users):
            total = 0j
            for other in range(users):
                total += products[n, k, other] * mix[n, other]
            received[k] += total
            square += mix[n, k].real * total.real + mix[n, k].imag * total.imag
        loss += errors[n] * sqrt(max(0.0, square))
    return loss


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _least(received: Complexes, phases: Complexes) -> tuple[float, float]:
    """Least amplitude, and least part in phase."""
    square, aligned = np.inf, np.inf
    for k in range(len(received)):
        square = min(square, received[k].real ** 2 + received[k].imag ** 2)
        aligned = min(aligned, received[k].real * phases[k].real + received[k].imag * phases[k].imag)
    return sqrt(square), aligned


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _reweigh(phases: Complexes, received: Complexes, step: float, weights: Floats) -> None:
    """Move weight to the users that receive least in their phases."""
    least, most = np.inf, 1e-300
    for k in range(len(weights)):
        aligned = received[k].real * phases[k].real + received[k].imag * phases[k].imag
        least, most = min(least, aligned), max(most, aligned)
    total = 0.0
    for k in range(len(weights)):
        aligned = received[k].real * phases[k].real + received[k].imag * phases[k].imag
        weights[k] *= np.exp(-step * (aligned - least) / most)
        total += weights[k]
    for k in range(len(weights)):
        weights[k] /= total

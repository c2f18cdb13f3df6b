"""Compiled kernels of the dual beamformer; amplitudes in units in which the noise is one."""

from __future__ import annotations

from math import cos, exp, pi, sin, sqrt

import numpy as np

from edgeopt.caching.beamforming.channels import Complexes, Floats, Integers, PairArrays
from edgeopt.kernels import inner_kernel, kernel

STEP_SIZE = 3.0
ALIGNED_STARTS = 3
GOLDEN_RATIO = 0.6180339887498949
ENOUGH = 3e-3  # relative gap of a fixed-phase problem, and turn of phases, at which a step ends
AT_THE_BOUND = 1e-6  # relative; no start reaches more than the weakest user alone receives


@kernel(allocates=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def solve_pairs(
    pairs: PairArrays, rounds: int, steps: int, starts: int, amplitudes: Floats, vectors: Complexes
) -> None:
    """Find beamformers of many pairs; `amplitudes` and `vectors` are filled in.

    Parameters
    ----------
    pairs : PairArrays
    rounds, steps, starts : int
    amplitudes : array, shape (pairs,)
    vectors : array, shape (pairs, most nodes, antennas)
    """
    channels, errors, nodes, users = pairs.channels, pairs.errors, pairs.nodes, pairs.users
    for pair in range(len(nodes)):
        node_count, user_count = _count(nodes[pair]), _count(users[pair])
        if node_count == 0 or user_count == 0:
            continue
        local = np.empty((node_count, user_count, channels.shape[2]), np.complex128)
        error = np.empty(node_count)
        for n in range(node_count):
            error[n] = errors[nodes[pair, n]]
            for k in range(user_count):
                for a in range(channels.shape[2]):
                    local[n, k, a] = channels[nodes[pair, n], users[pair, k], a]
        beam = vectors[pair]
        if user_count == 1:
            amplitudes[pair] = _towards_one_user(local, error, beam)
        else:
            amplitudes[pair] = _best_of_starts(local, error, rounds, steps, starts, beam)
        if amplitudes[pair] <= 0.0:
            amplitudes[pair] = 0.0
            for n in range(node_count):
                for a in range(channels.shape[2]):
                    beam[n, a] = 0.0


@inner_kernel(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _count(row: Integers) -> int:
    count = 0
    while count < len(row) and row[count] >= 0:
        count += 1
    return count


@kernel(cache=False, inline="always", error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _towards_one_user(channels: Complexes, errors: Floats, beam: Complexes) -> float:
    """Find the optimum for one user: each node sends along its channel if longer than the error, or is silent."""
    amplitude = 0.0
    for n in range(len(channels)):
        square = 0.0
        for a in range(channels.shape[2]):
            square += channels[n, 0, a].real ** 2 + channels[n, 0, a].imag ** 2
        length = sqrt(square)
        if length > errors[n]:
            amplitude += length - errors[n]
            for a in range(channels.shape[2]):
                beam[n, a] = channels[n, 0, a] * (1.0 / length)
    return amplitude


@kernel(cache=False, inline="always", error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _best_of_starts(
    channels: Complexes, errors: Floats, rounds: int, steps: int, starts: int, beam: Complexes
) -> float:
    """Start from phases aligned with the weakest users, then from spread phases; end early at an upper bound.

    All works with inner products of channels: beams are sums of the users' channels with the factors `mix`.
    """
    node_count, user_count, antennas = channels.shape
    products = np.empty((node_count, user_count, user_count), np.complex128)
    length = np.empty((node_count, user_count))
    strength = np.empty(user_count)
    limit = np.inf
    for k in range(user_count):
        strength[k], alone = 0.0, 0.0
        for n in range(node_count):
            for other in range(user_count):
                product = 0j
                for a in range(antennas):
                    product += np.conj(channels[n, k, a]) * channels[n, other, a]
                products[n, k, other] = product
            length[n, k] = sqrt(products[n, k, k].real)
            strength[k] += length[n, k]
            alone += max(0.0, length[n, k] - errors[n])
        limit = min(limit, alone)
    best, mix = -np.inf, np.empty((node_count, user_count), np.complex128)
    phases = np.empty(user_count, np.complex128)
    for start in range(starts):
        if start < min(ALIGNED_STARTS, user_count):
            weakest = 0
            for k in range(user_count):
                if strength[k] < strength[weakest]:
                    weakest = k
            strength[weakest] = np.inf
            _align_phases(products, length, weakest, phases)
        else:
            for k in range(user_count):
                angle = 2 * pi * GOLDEN_RATIO * k * (start - ALIGNED_STARTS + 1)
                phases[k] = complex(cos(angle), sin(angle))
        best = _ascend(products, errors, phases, rounds, steps, best, mix)
        if best >= (1 - AT_THE_BOUND) * limit:
            break
    for n in range(node_count):
        for a in range(antennas):
            total = 0j
            for k in range(user_count):
                total += mix[n, k] * channels[n, k, a]
            beam[n, a] = total
    return best


@inner_kernel(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _align_phases(products: Complexes, length: Floats, user: int, phases: Complexes) -> None:
    """Fill in the phases at which all users receive what is sent along the channels of one of them."""
    for k in range(len(phases)):
        received = 0j
        for n in range(len(products)):
            if length[n, user] > 0.0:
                received += products[n, k, user] * (1.0 / length[n, user])
        phases[k] = _phase(received, 1 + 0j)


@inner_kernel(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _phase(value: complex, otherwise: complex) -> complex:
    size = sqrt(value.real**2 + value.imag**2)
    return value * (1.0 / size) if size > 0.0 else otherwise


@kernel(cache=False, inline="always", error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _ascend(
    products: Complexes, errors: Floats, phases: Complexes, rounds: int, steps: int, best: float, mix: Complexes
) -> float:
    """Alternate exponentiated gradient on the users' weights and new phases; keeps the best beamformer seen.

    A round ends when its best beamformer meets the dual value of the fixed-phase problem, and all end when phases stay.
    The mean of a round's beamformers is tried too: only means reach nodes that send with part of their power.
    """
    node_count, user_count = products.shape[0], products.shape[1]
    weights = np.empty(user_count)
    for k in range(user_count):
        weights[k] = 1.0 / user_count
    current = np.empty((node_count, user_count), np.complex128)
    mean = np.empty((node_count, user_count), np.complex128)
    received, heard = np.empty(user_count, np.complex128), np.empty(user_count, np.complex128)
    taken = 0
    for _ in range(rounds):
        for n in range(node_count):
            for k in range(user_count):
                mean[n, k] = 0.0
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
                _copy(current, mix)
            for n in range(node_count):
                for k in range(user_count):
                    mean[n, k] += current[n, k]
            _reweigh(phases, received, STEP_SIZE / sqrt(taken), weights)
        if count > 1:
            for n in range(node_count):
                for k in range(user_count):
                    mean[n, k] *= 1.0 / count
            loss = _receive(products, errors, mean, heard)
            amplitude, _ = _least(heard, phases)
            if amplitude - loss > best:
                best = amplitude - loss
                _copy(mean, mix)
        turned = 0.0
        for k in range(user_count):
            phase = _phase(received[k], phases[k])
            turned = max(turned, (phase.real - phases[k].real) ** 2 + (phase.imag - phases[k].imag) ** 2)
            phases[k] = phase
        if turned < ENOUGH**2:
            break
    return best


@inner_kernel(allocates=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _respond(
    products: Complexes, errors: Floats, phases: Complexes, weights: Floats, mix: Complexes, received: Complexes
) -> tuple[float, float]:
    """Find the best beamformer for the weighted sum of users: along the sum of channels at full power, or silent.

    Returns
    -------
    tuple of (float, float)
        The dual value, and what the errors cost.
    """
    users = len(weights)
    value, loss = 0.0, 0.0
    for k in range(users):
        received[k] = 0.0
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
                received[k] += image[k] * (1.0 / length)
                mix[n, k] = phases[k] * (weights[k] / length)
        else:
            for k in range(users):
                mix[n, k] = 0.0
    return value, loss


@inner_kernel(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _receive(products: Complexes, errors: Floats, mix: Complexes, received: Complexes) -> float:
    """Fill in what the users receive; return what the errors cost."""
    users = len(received)
    for k in range(users):
        received[k] = 0.0
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


@inner_kernel(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _least(received: Complexes, phases: Complexes) -> tuple[float, float]:
    """Return the least amplitude, and least part in phase."""
    square, aligned = np.inf, np.inf
    for k in range(len(received)):
        square = min(square, received[k].real ** 2 + received[k].imag ** 2)
        aligned = min(aligned, received[k].real * phases[k].real + received[k].imag * phases[k].imag)
    return sqrt(square), aligned


@inner_kernel(error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _reweigh(phases: Complexes, received: Complexes, step: float, weights: Floats) -> None:
    """Move weight to the users that receive least in their phases."""
    least, most = np.inf, 1e-300
    for k in range(len(weights)):
        aligned = received[k].real * phases[k].real + received[k].imag * phases[k].imag
        least, most = min(least, aligned), max(most, aligned)
    total = 0.0
    for k in range(len(weights)):
        aligned = received[k].real * phases[k].real + received[k].imag * phases[k].imag
        weights[k] *= exp(-step * (aligned - least) / most)
        total += weights[k]
    for k in range(len(weights)):
        weights[k] /= total


@inner_kernel
def _copy(source: Complexes, target: Complexes) -> None:
    for n in range(source.shape[0]):
        for k in range(source.shape[1]):
            target[n, k] = source[n, k]

"""Compiled kernels of the dual beamformer; amplitudes in units in which the noise is one."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numba import njit

from edgeopt.caching.beamforming.channels import Complexes, Floats, Integers

STEP_SIZE = 3.0
ALIGNED_STARTS = 3
GOLDEN_RATIO = 0.6180339887498949


@njit(cache=True, nogil=True)
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
    antennas = channels.shape[2]
    for pair in range(len(nodes)):
        node_count, user_count = _count(nodes[pair]), _count(users[pair])
        if node_count == 0 or user_count == 0:
            continue
        local = np.empty((node_count, user_count, antennas), np.complex128)
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


@njit(cache=True, nogil=True)
def _count(row: Integers) -> int:
    count = 0
    while count < len(row) and row[count] >= 0:
        count += 1
    return count


@njit(cache=True, nogil=True)
def _towards_one_user(channels: Complexes, errors: Floats, beam: Complexes) -> float:
    """Optimal for one user: each node sends along its channel if that is longer than the error, else it is silent."""
    amplitude = 0.0
    for n in range(len(channels)):
        length = _length(channels[n, 0])
        if length > errors[n]:
            amplitude += length - errors[n]
            beam[n] = channels[n, 0] / length
    return amplitude


@njit(cache=True, nogil=True)
def _length(vector: Complexes) -> float:
    total = 0.0
    for a in range(len(vector)):
        total += vector[a].real ** 2 + vector[a].imag ** 2
    return sqrt(total)


@njit(cache=True, nogil=True)
def _best_of_starts(
    channels: Complexes, errors: Floats, rounds: int, steps: int, starts: int, beam: Complexes
) -> float:
    """Phases aligned with the weakest users first, then spread phases."""
    user_count = channels.shape[1]
    strength = np.zeros(user_count)
    for k in range(user_count):
        for n in range(len(channels)):
            strength[k] += _length(channels[n, k])
    weakest = np.argsort(strength)
    best = -np.inf
    for start in range(starts):
        if start < min(ALIGNED_STARTS, user_count):
            phases = _aligned_phases(channels, weakest[start])
        else:
            phases = np.empty(user_count, np.complex128)
            for k in range(user_count):
                phases[k] = np.exp(2j * pi * GOLDEN_RATIO * k * (start - ALIGNED_STARTS + 1))
        best = _ascend(channels, errors, phases, rounds, steps, best, beam)
    return best


@njit(cache=True, nogil=True)
def _aligned_phases(channels: Complexes, user: int) -> Complexes:
    """Phases at which all users receive what is sent along the channels of one of them."""
    user_count = channels.shape[1]
    phases = np.ones(user_count, np.complex128)
    for k in range(user_count):
        received = 0j
        for n in range(len(channels)):
            length = _length(channels[n, user])
            if length > 0.0:
                for a in range(channels.shape[2]):
                    received += np.conj(channels[n, k, a]) * channels[n, user, a] / length
        if abs(received) > 0.0:
            phases[k] = received / abs(received)
    return phases


@njit(cache=True, nogil=True)
def _ascend(
    channels: Complexes, errors: Floats, phases: Complexes, rounds: int, steps: int, best: float, beam: Complexes
) -> float:
    """Alternate exponentiated gradient on the users' weights and new phases; keeps the best beamformer seen.

    The mean of a round's beamformers is tried too: only means reach nodes that send with part of their power.
    """
    node_count, user_count, antennas = channels.shape
    weights = np.full(user_count, 1.0 / user_count)
    current = np.zeros((node_count, antennas), np.complex128)
    mean = np.empty((node_count, antennas), np.complex128)
    received = np.empty(user_count, np.complex128)
    taken = 0
    for _ in range(rounds):
        mean[:] = 0.0
        for _ in range(steps):
            taken += 1
            _respond(channels, errors, phases, weights, current)
            amplitude = _receive(channels, errors, current, received)
            if amplitude > best:
                best = amplitude
                beam[:node_count] = current
            mean += current
            _reweigh(phases, received, STEP_SIZE / sqrt(taken), weights)
        mean /= steps
        amplitude = _receive(channels, errors, mean, received)
        if amplitude > best:
            best = amplitude
            beam[:node_count] = mean
        _receive(channels, errors, current, received)
        for k in range(user_count):
            if abs(received[k]) > 0.0:
                phases[k] = received[k] / abs(received[k])
    return best


@njit(cache=True, nogil=True)
def _respond(channels: Complexes, errors: Floats, phases: Complexes, weights: Floats, beam: Complexes) -> None:
    """Best beamformer for the weighted sum of users: along the sum of channels at full power, or silent."""
    for n in range(len(channels)):
        beam[n] = 0.0
        for k in range(len(weights)):
            factor = weights[k] * phases[k]
            for a in range(channels.shape[2]):
                beam[n, a] += factor * channels[n, k, a]
        length = _length(beam[n])
        if length > errors[n]:
            beam[n] /= length
        else:
            beam[n] = 0.0


@njit(cache=True, nogil=True)
def _receive(channels: Complexes, errors: Floats, beam: Complexes, received: Complexes) -> float:
    """Fill in what the users receive; return the least robust amplitude."""
    received[:] = 0.0
    loss = 0.0
    for n in range(len(channels)):
        length = _length(beam[n])
        if length > 0.0:
            loss += errors[n] * length
            for k in range(len(received)):
                for a in range(channels.shape[2]):
                    received[k] += np.conj(channels[n, k, a]) * beam[n, a]
    least = np.inf
    for k in range(len(received)):
        least = min(least, abs(received[k]))
    return least - loss


@njit(cache=True, nogil=True)
def _reweigh(phases: Complexes, received: Complexes, step: float, weights: Floats) -> None:
    """Move weight to the users that receive least in their phases."""
    least, most = np.inf, 1e-300
    for k in range(len(weights)):
        aligned = (received[k] * np.conj(phases[k])).real
        least, most = min(least, aligned), max(most, aligned)
    total = 0.0
    for k in range(len(weights)):
        aligned = (received[k] * np.conj(phases[k])).real
        weights[k] *= np.exp(-step * (aligned - least) / most)
        total += weights[k]
    for k in range(len(weights)):
        weights[k] /= total

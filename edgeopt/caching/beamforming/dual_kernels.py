"""Compiled kernels of the dual beamformer; amplitudes in units in which the noise is one."""

from __future__ import annotations

from math import cos, exp, pi, sin, sqrt
from typing import NamedTuple

import numpy as np

from edgeopt.caching.beamforming.channels import Complexes, Floats, PairArrays
from edgeopt.caching.beamforming.pair_kernels import measure
from edgeopt.kernels import inner_kernel, kernel

STEP_SIZE = 3.0
ALIGNED_STARTS = 3
GOLDEN_RATIO = 0.6180339887498949
ENOUGH = 3e-3  # relative gap of a fixed-phase problem, and turn of phases, at which a step ends
AT_THE_BOUND = 1e-6  # relative; no start reaches more than the weakest user alone receives
CANCELLED = 1e-6  # of the channels' lengths; a sum of channels that is shorter has no direction beside its rounding
FAST = {"contract", "reassoc", "nsz", "arcp"}


class Room(NamedTuple):
    """What the kernels write about one pair, with room for the largest; N nodes and K users.

    Beams are sums of the users' channels with the factors `mix`, so that all works with inner products of channels.

    Attributes
    ----------
    products : array, shape (N, K, K)
        Inner products of the channels from each node.
    errors : array, shape (N,)
    length : array, shape (N, K)
        Lengths of the channels.
    strength : array, shape (K,)
        Their sums over the nodes; infinite once phases were aligned with the user.
    phases, received, heard, image : array, shape (K,)
    weights : array, shape (K,)
    mix, current, mean : array, shape (N, K)
        The best beamformer, the last one, and the sum of those of a round.
    """

    products: Complexes
    errors: Floats
    length: Floats
    strength: Floats
    phases: Complexes
    received: Complexes
    heard: Complexes
    image: Complexes
    weights: Floats
    mix: Complexes
    current: Complexes
    mean: Complexes

    @classmethod
    def of(cls, nodes: int, users: int) -> Room:
        """Make room for pairs of at most so many nodes and users."""

        def table(*shape: int) -> Complexes:
            return np.empty(shape, np.complex128)

        return cls(
            products=table(nodes, users, users),
            errors=np.empty(nodes),
            length=np.empty((nodes, users)),
            strength=np.empty(users),
            phases=table(users),
            received=table(users),
            heard=table(users),
            image=table(users),
            weights=np.empty(users),
            mix=table(nodes, users),
            current=table(nodes, users),
            mean=table(nodes, users),
        )


@kernel(nogil=True, error_model="numpy", fastmath=FAST)
def solve_pairs(
    pairs: PairArrays, rounds: int, steps: int, starts: int, room: Room, amplitudes: Floats, vectors: Complexes
) -> None:
    """Find beamformers of many pairs; `amplitudes` and `vectors`, zero before, are filled in.

    Parameters
    ----------
    pairs : PairArrays
    rounds, steps, starts : int
    room : Room
    amplitudes : array, shape (pairs,)
    vectors : array, shape (pairs, most nodes, antennas)
    """
    channels, nodes, users, mix = pairs.channels, pairs.nodes, pairs.users, room.mix
    for pair in range(len(amplitudes)):
        node_count, user_count = measure(pairs, pair, room.products, room.errors, room.length)
        if node_count == 0 or user_count == 0:
            continue
        if user_count == 1:
            best = _towards_one_user(room.length, room.errors, node_count, mix)
        else:
            best = _best_of_starts(room, node_count, user_count, rounds, steps, starts)
        if best <= 0.0:
            continue
        amplitudes[pair] = best
        for n in range(node_count):
            for a in range(channels.shape[2]):
                real, imaginary = 0.0, 0.0
                for k in range(user_count):
                    factor, channel = mix[n, k], channels[nodes[pair, n], users[pair, k], a]
                    real += factor.real * channel.real - factor.imag * channel.imag
                    imaginary += factor.real * channel.imag + factor.imag * channel.real
                vectors[pair, n, a] = complex(real, imaginary)


@inner_kernel(error_model="numpy", fastmath=FAST)
def _towards_one_user(length: Floats, errors: Floats, node_count: int, mix: Complexes) -> float:
    """Find the optimum for one user: each node sends along its channel if longer than the error, or is silent."""
    amplitude = 0.0
    for n in range(node_count):
        mix[n, 0] = 0.0
        if length[n, 0] > errors[n]:
            amplitude += length[n, 0] - errors[n]
            mix[n, 0] = 1.0 / length[n, 0]
    return amplitude


@inner_kernel(error_model="numpy", fastmath=FAST)
def _best_of_starts(room: Room, node_count: int, user_count: int, rounds: int, steps: int, starts: int) -> float:
    """Start from phases aligned with the weakest users, then from spread phases; end early at an upper bound."""
    length, errors, strength, phases = room.length, room.errors, room.strength, room.phases
    limit = np.inf
    for k in range(user_count):
        strength[k], alone = 0.0, 0.0
        for n in range(node_count):
            strength[k] += length[n, k]
            if length[n, k] > errors[n]:
                alone += length[n, k] - errors[n]
        if alone < limit:
            limit = alone
    best = -np.inf
    for start in range(starts):
        if start < ALIGNED_STARTS and start < user_count:
            weakest = 0
            for k in range(user_count):
                if strength[k] < strength[weakest]:
                    weakest = k
            strength[weakest] = np.inf
            _align_phases(room.products, room.length, node_count, user_count, weakest, phases)
        else:
            for k in range(user_count):
                angle = 2 * pi * GOLDEN_RATIO * k * (start - ALIGNED_STARTS + 1)
                phases[k] = complex(cos(angle), sin(angle))
        best = _ascend(room, node_count, user_count, rounds, steps, best)
        if best >= (1 - AT_THE_BOUND) * limit:
            break
    return best


@inner_kernel(error_model="numpy", fastmath=FAST)
def _align_phases(
    products: Complexes, length: Floats, node_count: int, user_count: int, user: int, phases: Complexes
) -> None:
    """Fill in the phases at which all users receive what is sent along the channels of one of them."""
    for k in range(user_count):
        real, imaginary = 0.0, 0.0
        for n in range(node_count):
            if length[n, user] > 0.0:
                real += products[n, k, user].real * (1.0 / length[n, user])
                imaginary += products[n, k, user].imag * (1.0 / length[n, user])
        phases[k] = _phase(complex(real, imaginary), 1 + 0j)


@inner_kernel(error_model="numpy", fastmath=FAST)
def _phase(value: complex, otherwise: complex) -> complex:
    size = sqrt(value.real * value.real + value.imag * value.imag)
    return complex(value.real * (1.0 / size), value.imag * (1.0 / size)) if size > 0.0 else otherwise


@inner_kernel(error_model="numpy", fastmath=FAST)
def _ascend(room: Room, node_count: int, user_count: int, rounds: int, steps: int, best: float) -> float:
    """Alternate exponentiated gradient on the users' weights and new phases; keeps the best beamformer seen.

    A round ends when its best beamformer meets the dual value of the fixed-phase problem, and all end when phases stay.
    The mean of a round's beamformers is tried too: only means reach nodes that send with part of their power.
    """
    products, errors, phases, weights = room.products, room.errors, room.phases, room.weights
    mix, current, mean, received, heard = room.mix, room.current, room.mean, room.received, room.heard
    for k in range(user_count):
        weights[k] = 1.0 / user_count
    taken = 0
    for _ in range(rounds):
        for n in range(node_count):
            for k in range(user_count):
                mean[n, k] = 0.0
        most, ceiling, count = -np.inf, np.inf, 0
        while count == 0 or (count < steps and ceiling - most > ENOUGH * ceiling):
            taken += 1
            count += 1
            value, loss = _respond(room, node_count, user_count)
            if value < ceiling:
                ceiling = value
            amplitude, aligned = _least(received, phases, user_count)
            if aligned - loss > most:
                most = aligned - loss
            better = amplitude - loss > best
            if better:
                best = amplitude - loss
            for n in range(node_count):
                for k in range(user_count):
                    mean[n, k] += current[n, k]
                    if better:
                        mix[n, k] = current[n, k]
            _reweigh(phases, received, STEP_SIZE / sqrt(taken), user_count, weights)
        if count > 1:
            loss = _receive(products, errors, mean, 1.0 / count, node_count, user_count, heard)
            amplitude, _ = _least(heard, phases, user_count)
            if amplitude - loss > best:
                best = amplitude - loss
                for n in range(node_count):
                    for k in range(user_count):
                        mix[n, k] = mean[n, k]
        turned = 0.0
        for k in range(user_count):
            phase = _phase(received[k], phases[k])
            real, imaginary = phase.real - phases[k].real, phase.imag - phases[k].imag
            if real * real + imaginary * imaginary > turned:
                turned = real * real + imaginary * imaginary
            phases[k] = phase
        if turned < ENOUGH**2:
            break
    return best


@inner_kernel(error_model="numpy", fastmath=FAST)
def _respond(room: Room, node_count: int, user_count: int) -> tuple[float, float]:
    """Find the best beamformer for the weighted sum of users: along the sum of channels at full power, or silent.

    Returns
    -------
    tuple of (float, float)
        The dual value, and what the errors cost.
    """
    products, errors, phases, weights = room.products, room.errors, room.phases, room.weights
    current, received, image, strength = room.current, room.received, room.image, room.length
    value, loss = 0.0, 0.0
    for k in range(user_count):
        received[k] = 0.0
    for n in range(node_count):
        square, apart = 0.0, 0.0
        for k in range(user_count):
            apart += weights[k] * strength[n, k]
            real, imaginary = 0.0, 0.0
            for other in range(user_count):
                product, phase, weight = products[n, k, other], phases[other], weights[other]
                real += product.real * (weight * phase.real) - product.imag * (weight * phase.imag)
                imaginary += product.real * (weight * phase.imag) + product.imag * (weight * phase.real)
            image[k] = complex(real, imaginary)
            square += weights[k] * (phases[k].real * real + phases[k].imag * imaginary)
        length = sqrt(square) if square > 0.0 else 0.0
        sends = length > errors[n] and length > CANCELLED * apart
        if sends:
            value += length - errors[n]
            loss += errors[n]
        for k in range(user_count):
            factor = weights[k] / length if sends else 0.0
            current[n, k] = complex(phases[k].real * factor, phases[k].imag * factor)
            if sends:
                received[k] += complex(image[k].real * (1.0 / length), image[k].imag * (1.0 / length))
    return value, loss


@inner_kernel(error_model="numpy", fastmath=FAST)
def _receive(
    products: Complexes,
    errors: Floats,
    mix: Complexes,
    scale: float,
    node_count: int,
    user_count: int,
    received: Complexes,
) -> float:
    """Scale a beamformer, and fill in what the users receive from it; return what the errors cost."""
    for k in range(user_count):
        received[k] = 0.0
    loss = 0.0
    for n in range(node_count):
        square = 0.0
        for k in range(user_count):
            mix[n, k] = complex(mix[n, k].real * scale, mix[n, k].imag * scale)
        for k in range(user_count):
            real, imaginary = 0.0, 0.0
            for other in range(user_count):
                product, factor = products[n, k, other], mix[n, other]
                real += product.real * factor.real - product.imag * factor.imag
                imaginary += product.real * factor.imag + product.imag * factor.real
            received[k] += complex(real, imaginary)
            square += mix[n, k].real * real + mix[n, k].imag * imaginary
        if square > 0.0:
            loss += errors[n] * sqrt(square)
    return loss


@inner_kernel(error_model="numpy", fastmath=FAST)
def _least(received: Complexes, phases: Complexes, user_count: int) -> tuple[float, float]:
    """Return the least amplitude, and least part in phase."""
    least, least_aligned = np.inf, np.inf
    for k in range(user_count):
        one, phase = received[k], phases[k]
        square, aligned = one.real * one.real + one.imag * one.imag, one.real * phase.real + one.imag * phase.imag
        if square < least:
            least = square
        if aligned < least_aligned:
            least_aligned = aligned
    return sqrt(least), least_aligned


@inner_kernel(error_model="numpy", fastmath=FAST)
def _reweigh(phases: Complexes, received: Complexes, step: float, user_count: int, weights: Floats) -> None:
    """Move weight to the users that receive least in their phases."""
    least, most = np.inf, 1e-300
    for k in range(user_count):
        aligned = received[k].real * phases[k].real + received[k].imag * phases[k].imag
        if aligned < least:
            least = aligned
        if aligned > most:
            most = aligned
    total = 0.0
    for k in range(user_count):
        aligned = received[k].real * phases[k].real + received[k].imag * phases[k].imag
        weights[k] *= exp(-step * (aligned - least) / most)
        total += weights[k]
    for k in range(user_count):
        weights[k] /= total

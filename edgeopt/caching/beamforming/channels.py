"""The input of every beamformer, channels in units in which power and noise are one, and its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.instance import CachingInstance

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CANCELLING = 1e-13  # relative; bounds take channels for longer by it, before errors of about their length are taken off
ROUNDING = 1e-10  # relative; bounds of compiled code are raised by it


@dataclass(frozen=True)
class Channels:
    """Channels scaled by ``sqrt(power_w / noise_w)``: beamformers have length at most 1, amplitude**2 is the SNR.

    Attributes
    ----------
    scaled : numpy.ndarray of complex128, shape (nodes, users, antennas)
        Zero beyond a node's antennas.
    errors : numpy.ndarray of float64, shape (nodes,)
        Radius of the error ball in the same units.
    """

    scaled: Complexes
    errors: Floats

    @classmethod
    def of(cls, instance: CachingInstance) -> Channels:
        """Scale the channels of an instance, users in the order of `CachingInstance.users`."""
        nodes, users, radio = instance.nodes, instance.users, instance.radio
        scaled = np.zeros((len(nodes), len(users), max(node.antennas for node in nodes.values())), np.complex128)
        gain = np.array([np.sqrt(node.power_w / radio.noise_w) for node in nodes.values()])
        for row, name in enumerate(nodes):
            for column, user in enumerate(users):
                pairs = np.array(radio.channels[name][user])
                scaled[row, column, : len(pairs)] = gain[row] * (pairs[:, 0] + 1j * pairs[:, 1])
        return cls(scaled, gain * radio.csi_error)

    def reach(self) -> Floats:
        """Return the largest robust amplitude from each node to each user alone, shape (nodes, users); 0 where none.

        Raised by what rounding may take off where a channel is hardly longer than its error.
        """
        length: Floats = np.linalg.norm(self.scaled, axis=2)
        errors = self.errors[:, None]
        return np.where(length > errors, length * (1 + CANCELLING) - errors, 0.0)


class PairArrays(NamedTuple):
    """Channels and pairs as the kernels take them: the fields of `Channels` and of `Pairs`."""

    channels: Complexes
    errors: Floats
    nodes: Integers
    users: Integers


@dataclass(frozen=True)
class Pairs:
    """Pairs (S, K) of cooperating nodes and served users, numbered as in `Channels`; rows are padded with -1.

    Attributes
    ----------
    nodes : numpy.ndarray of int64, shape (pairs, most nodes)
    users : numpy.ndarray of int64, shape (pairs, most users)
    """

    nodes: Integers
    users: Integers

    def __len__(self) -> int:
        return len(self.nodes)

    def arrays(self, channels: Channels) -> PairArrays:
        """Lay the pairs out for the kernels, with the channels that they are numbered by."""
        return PairArrays(channels.scaled, channels.errors, self.nodes, self.users)


@dataclass(frozen=True)
class Beams:
    """Beamformers of pairs.

    Attributes
    ----------
    amplitudes : numpy.ndarray of float64, shape (pairs,)
        Least robust amplitude over the users, at least 0; its square is the SNR.
    vectors : numpy.ndarray of complex128, shape (pairs, most nodes, antennas)
        Vectors of length at most 1, in the order of the pairs' nodes.
    """

    amplitudes: Floats
    vectors: Complexes


Beamformer = Callable[[Channels, Pairs], Beams]


def robust_amplitudes(channels: Channels, pairs: Pairs, vectors: Complexes) -> Floats:
    """Return the least robust amplitude of given beamformers, shape (pairs,); may be negative.

    |sum_n h_nk^H w_n| - sum_n e_n ||w_n||, the worst case over all channel errors of length at most e_n.
    """
    least = np.empty(len(pairs))
    for row in range(len(pairs)):
        nodes, users = pairs.nodes[row][pairs.nodes[row] >= 0], pairs.users[row][pairs.users[row] >= 0]
        beams = vectors[row, : len(nodes)]
        received = np.einsum("nka,na->k", channels.scaled[np.ix_(nodes, users)].conj(), beams)
        loss = float(channels.errors[nodes] @ np.linalg.norm(beams, axis=1))
        least[row] = np.abs(received).min() - loss
    return least

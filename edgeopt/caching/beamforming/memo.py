"""Beams remembered by (S, K): no pair is worked out twice, for tables, plans and the worlds of the baselines."""

from __future__ import annotations

import numpy as np

from edgeopt.caching.beamforming.channels import Beamformer, Beams, Channels, Complexes, Pairs

HEARD = 1e-12  # least amplitude of a signal, relative to what channel errors may take off it


class Memo:
    """A beamformer that asks another one, in one batch, for the pairs that it does not know yet.

    For one set of channels; rows of the pairs list nodes and users in increasing order, padded with -1.

    Parameters
    ----------
    beamformer : callable
    """

    def __init__(self, beamformer: Beamformer) -> None:
        self.beamformer = beamformer
        self.known: dict[bytes, tuple[float, Complexes]] = {}

    def __call__(self, channels: Channels, pairs: Pairs) -> Beams:
        """Return beamformers of the pairs."""
        keys = [self._key(pairs, row) for row in range(len(pairs))]
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self.known}
        missing = np.array(sorted(first.values()), np.int64)
        if len(missing):
            unknown = Pairs(pairs.nodes[missing], pairs.users[missing])
            self.learn(unknown, self.beamformer(channels, unknown))
        amplitudes = np.empty(len(pairs))
        vectors = np.zeros((*pairs.nodes.shape, channels.scaled.shape[2]), np.complex128)
        for row, key in enumerate(keys):
            amplitudes[row], beam = self.known[key]
            count = min(len(beam), vectors.shape[1])
            vectors[row, :count] = beam[:count]
        # What is left of two nearly equal amplitudes may be rounding, and no signal at all.
        loss = np.where(pairs.nodes >= 0, channels.errors[pairs.nodes], 0.0).sum(axis=1)
        return Beams(np.where(amplitudes > HEARD * loss, amplitudes, 0.0), vectors)

    def learn(self, pairs: Pairs, beams: Beams) -> None:
        """Remember beams where they are better than those known."""
        for row in range(len(pairs)):
            key = self._key(pairs, row)
            if key not in self.known or beams.amplitudes[row] > self.known[key][0]:
                self.known[key] = (float(beams.amplitudes[row]), beams.vectors[row])

    @staticmethod
    def _key(pairs: Pairs, row: int) -> bytes:
        nodes, users = pairs.nodes[row], pairs.users[row]
        return nodes[nodes >= 0].tobytes() + b"|" + users[users >= 0].tobytes()

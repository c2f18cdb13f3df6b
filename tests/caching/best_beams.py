"""The best beams of tiny instances by general nonlinear programming from many starts: no code of the methods."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import minimize

from edgeopt.caching.instance import CachingInstance
from tests.caching.brute_force import RateOf

STARTS = 6


def best_amplitude(channels: np.ndarray, lengths: np.ndarray, error: float) -> float:
    """Largest least robust amplitude that a search finds.

    Parameters
    ----------
    channels : numpy.ndarray of complex128, shape (nodes, users, antennas)
    lengths : numpy.ndarray, shape (nodes,)
        Largest length of each node's beam.
    error : float
        Radius of the error ball around each channel.
    """
    nodes, users, antennas = channels.shape
    if users == 1:
        return float((lengths * np.maximum(np.linalg.norm(channels[:, 0], axis=1) - error, 0)).sum())
    half = nodes * antennas

    def beams(x: np.ndarray) -> np.ndarray:
        return (x[:half] + 1j * x[half : 2 * half]).reshape(nodes, antennas)

    def heard(v: np.ndarray) -> np.ndarray:
        return np.abs(np.einsum("nka,na->k", channels.conj(), v)) - error * np.linalg.norm(v, axis=1).sum()

    limits = (
        {"type": "ineq", "fun": lambda x: heard(beams(x)) - x[-1]},
        {"type": "ineq", "fun": lambda x: lengths**2 - (np.abs(beams(x)) ** 2).sum(axis=1)},
    )
    rng, best = np.random.default_rng(nodes * users), 0.0
    for _ in range(STARTS):
        v = rng.normal(size=(nodes, antennas)) + 1j * rng.normal(size=(nodes, antennas))
        v *= (lengths / np.linalg.norm(v, axis=1))[:, None]
        start = np.concatenate([v.real.ravel(), v.imag.ravel(), [heard(v).min()]])
        found = beams(minimize(lambda x: -x[-1], start, method="SLSQP", constraints=limits, options={"maxiter": 200}).x)
        norm = np.linalg.norm(found, axis=1)
        found *= np.where(norm > lengths, lengths / np.maximum(norm, 1e-300), 1.0)[:, None]
        best = max(best, float(heard(found).min()))
    return best


def searched_rates(instance: CachingInstance) -> RateOf:
    """Rate of each pair (S, K) in bit/s; nodes of S may stay silent."""
    radio = instance.radio

    @cache
    def rate(senders: frozenset[str], audience: frozenset[str]) -> float:
        nodes, users = sorted(senders), sorted(audience)
        width = max(instance.nodes[node].antennas for node in nodes)
        channels = np.zeros((len(nodes), len(users), width), np.complex128)
        for n, node in enumerate(nodes):
            for k, user in enumerate(users):
                row = np.array(radio.channels[node][user]) @ [1, 1j]
                channels[n, k, : len(row)] = row
        lengths = np.sqrt([instance.nodes[node].power_w for node in nodes])
        # Subsets too: the search may miss that silence is best.
        own = best_amplitude(channels, lengths, radio.csi_error)
        ratio = own**2 / radio.noise_w
        smaller = [rate(senders - {node}, audience) for node in nodes] if len(nodes) > 1 else []
        return max([radio.bandwidth_hz * float(np.log1p(ratio) / np.log(2)), *smaller])

    return rate

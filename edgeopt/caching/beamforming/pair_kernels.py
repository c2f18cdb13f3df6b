"""Compiled kernel that measures the channels of one pair, for beams and for their bounds."""

from __future__ import annotations

from math import sqrt

from edgeopt.caching.beamforming.channels import Complexes, Floats, PairArrays
from edgeopt.kernels import inner_kernel


@inner_kernel(error_model="numpy")
def measure(pairs: PairArrays, pair: int, products: Complexes, errors: Floats, length: Floats) -> tuple[int, int]:
    """Fill in inner products of the channels from each node, (N, K, K), errors, (N,), and lengths, (N, K).

    Products are taken in real numbers: those of complex numbers take a quarter of a second to compile.

    Returns
    -------
    tuple of (int, int)
        How many nodes and users the pair has.
    """
    channels, nodes, users = pairs.channels, pairs.nodes, pairs.users
    node_count, user_count = 0, 0
    while node_count < nodes.shape[1] and nodes[pair, node_count] >= 0:
        node_count += 1
    while user_count < users.shape[1] and users[pair, user_count] >= 0:
        user_count += 1
    for n in range(node_count):
        node = nodes[pair, n]
        errors[n] = pairs.errors[node]
        for k in range(user_count):
            for other in range(user_count):
                real, imaginary = 0.0, 0.0
                for a in range(channels.shape[2]):
                    one, two = channels[node, users[pair, k], a], channels[node, users[pair, other], a]
                    real += one.real * two.real + one.imag * two.imag
                    imaginary += one.real * two.imag - one.imag * two.real
                products[n, k, other] = complex(real, imaginary)
            length[n, k] = sqrt(products[n, k, k].real)
    return node_count, user_count

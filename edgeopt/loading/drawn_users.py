"""What users of `loading` are drawn from: their channels, what they send, their weights, and which models they like."""

from __future__ import annotations

from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Uploads = Literal["image", "prompt", "features", "none"]
Weights = Literal["one", "classes", "values"]

WEIGHT_CLASSES, CLASS_PROBABILITIES = (1, 3, 10), (0.6, 0.3, 0.1)  # our choice

# 3GPP TR 38.901 table 7.4.1-1, UMi street canyon without line of sight, 3.5 GHz, user at 1.5 m, site at 10 m.
CARRIER_GHZ, SITE_HEIGHT_M, SHADOWING_DB = 3.5, 10.0, 7.82
CELL_RADIUS_M, LEAST_DISTANCE_M = 250.0, 10.0
# 23 dBm spread over 5 MHz, thermal noise -174 dBm/Hz, receiver noise figure 5 dB, implementation loss 3 dB.
POWER_DENSITY_DBM_HZ, NOISE_DENSITY_DBM_HZ, LOSS_DB = 23 - 67.0, -174 + 5.0, 3.0
# Lowest and highest entry of the 256QAM table of modulation and coding schemes, 3GPP TS 38.214 table 5.1.3.1-2.
EFFICIENCY_RANGE = (0.2344, 7.4063)


def spectral_efficiencies(count: int, rng: np.random.Generator) -> Floats:
    """Draw spectral efficiencies in bit/s/Hz of users spread evenly over a cell, shape (count,).

    Urban street canyon without line of sight at 3.5 GHz with shadowing (3GPP TR 38.901 table 7.4.1-1); the users
    keep 23 dBm in any 5 MHz, so that the efficiency does not depend on the share of the band. Shannon's formula 3 dB
    off, kept within the modulation and coding schemes of 5G (TS 38.214 table 5.1.3.1-2). Cell radius, power rule and
    loss are our choice.
    """
    flat = np.sqrt(rng.uniform(LEAST_DISTANCE_M**2, CELL_RADIUS_M**2, count))
    distance = np.hypot(flat, SITE_HEIGHT_M - 1.5)
    path_loss = 35.3 * np.log10(distance) + 22.4 + 21.3 * np.log10(CARRIER_GHZ)
    path_loss += SHADOWING_DB * rng.standard_normal(count)
    snr_db = POWER_DENSITY_DBM_HZ - path_loss - NOISE_DENSITY_DBM_HZ - LOSS_DB
    efficiency: Floats = np.clip(np.log2(1 + 10 ** (snr_db / 10)), *EFFICIENCY_RANGE)
    return efficiency


def upload_bytes(kind: Uploads, count: int, rng: np.random.Generator) -> Floats:
    """Draw the sizes in bytes of the uploads, shape (count,); the distributions are our choice.

    - ``none``: nothing; the requests arrive by other ways than the radio.
    - ``image``: a JPEG of 50 to 250 kB, evenly spread (a file of ImageNet's training set has 115 kB on average).
    - ``prompt``: a text of 100 to 4,000 tokens, log-uniform, 4 bytes a token.
    - ``features``: the half-precision output of one of the last three stages of ResNet-50 on a 224 x 224 image:
      512 x 28 x 28, 1024 x 14 x 14 or 2048 x 7 x 7 values.
    """
    if kind == "none":
        return np.zeros(count)
    if kind == "image":
        return rng.integers(50_000, 250_001, count).astype(np.float64)
    if kind == "prompt":
        tokens: Floats = np.exp(rng.uniform(log(100), log(4000), count)).round()
        return 4 * tokens
    values = np.array([512 * 28 * 28, 1024 * 14 * 14, 2048 * 7 * 7], dtype=np.float64)
    return 2 * values[rng.integers(0, 3, count)]


def user_weights(kind: Weights, count: int, rng: np.random.Generator) -> list[int] | list[float]:
    """Draw the weights of users; the distributions are our choice.

    - ``one``: each user counts the same.
    - ``classes``: service classes of weight 1, 3 and 10, with probabilities 0.6, 0.3 and 0.1.
    - ``values``: from 0.1 to 10, log-uniform, with three digits.
    """
    if kind == "one":
        return [1] * count
    if kind == "classes":
        classes: list[int] = rng.choice(WEIGHT_CLASSES, size=count, p=CLASS_PROBABILITIES).tolist()
        return classes
    return [float(f"{value:.3g}") for value in np.exp(rng.uniform(log(0.1), log(10), count)).tolist()]


def popularity(count: int, exponent: float, rng: np.random.Generator) -> Floats:
    """Zipf's probabilities of the models, the ranks dealt at random, shape (count,)."""
    weight = (1.0 + rng.permutation(count)) ** -exponent
    return weight / weight.sum()

"""Drawn arrivals: requests of a Poisson process whose rate changes over time, given how many there are."""

from __future__ import annotations

from math import pi
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pattern = Literal["poisson", "diurnal", "bursts", "flash"]

POINTS = 2_000  # at which a rate is known
SWING = 0.8  # of a day, relative to its mean rate
BURST_FACTOR, BURST_PART, BURST_LENGTH = 6.0, 0.2, 0.02  # rate in bursts, their part of the time, and mean length
CROWD_PART, CROWD_BEGIN, CROWD_FADING = 0.3, 0.4, 0.05  # part of the requests, and times relative to the duration


def arrival_times(pattern: Pattern, count: int, duration_s: float, rng: np.random.Generator) -> Floats:
    """Draw when so many requests arrive, increasing, shape (count,).

    - ``poisson``: at a constant rate.
    - ``diurnal``: one wave of a sine, from the mean rate up to 1.8 of it and down to 0.2.
    - ``bursts``: a Markov-modulated Poisson process of two states; a fifth of the time, in stretches of a fiftieth of
      the duration on average, the rate is six times that of the rest.
    - ``flash``: a constant rate, and three tenths of the requests are a crowd that comes at once after four tenths of
      the duration and fades exponentially, with a twentieth of the duration as its mean; it asks for one model.

    The figures are our choice.
    """
    at = np.linspace(0.0, 1.0, POINTS + 1)
    grown: Floats = at
    if pattern == "diurnal":
        grown = at + SWING * (1 - np.cos(2 * pi * at)) / (2 * pi)
    elif pattern == "bursts":
        grown = np.concatenate([[0.0], np.cumsum(_burst_rates(rng))])
    elif pattern == "flash":
        since = np.maximum(0.0, at - CROWD_BEGIN)
        grown = (1 - CROWD_PART) * at + CROWD_PART * (1 - np.exp(-since / CROWD_FADING))
    times: Floats = duration_s * np.interp(np.sort(rng.uniform(0, grown[-1], count)), grown, at)
    return times


def in_crowd(at: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which arrivals of a flash are of the crowd; times relative to the duration."""
    crowd = np.where(at >= CROWD_BEGIN, CROWD_PART / CROWD_FADING * np.exp((CROWD_BEGIN - at) / CROWD_FADING), 0.0)
    return rng.random(len(at)) < crowd / (crowd + 1 - CROWD_PART)


def _burst_rates(rng: np.random.Generator) -> Floats:
    """Draw the rates of a process that changes between two states at random, shape (points,)."""
    leaving = 1 / (BURST_LENGTH * POINTS)
    entering = leaving * BURST_PART / (1 - BURST_PART)
    chance, burst, rates = rng.random(POINTS), False, np.ones(POINTS)
    for point in range(POINTS):
        burst = chance[point] >= leaving if burst else chance[point] < entering
        if burst:
            rates[point] = BURST_FACTOR
    return rates

"""Waiting times of queues, for `queue_s` of cloudlets."""

from __future__ import annotations

from math import isfinite

from edgeopt.errors import UsageError


def pollaczek_khinchine(arrivals_per_s: float, served_per_s: float, deviation_s: float = 0.0) -> float:
    """Return the mean seconds in the queue of one server, by Pollaczek and Khinchine's formula for M/G/1.

    With rates lambda and mu and a standard deviation sigma of the service time it is
    ``lambda (sigma^2 + 1 / mu^2) / (2 (1 - lambda / mu))``.

    Parameters
    ----------
    arrivals_per_s, served_per_s : float
        Rates of Poisson arrivals and of service, lambda < mu.
    deviation_s : float
        Standard deviation of the service time; 0 for equal ones.

    Raises
    ------
    UsageError
        The queue would grow without end, or a number is negative.
    """
    given = {"arrivals_per_s": arrivals_per_s, "served_per_s": served_per_s, "deviation_s": deviation_s}
    for name, value in given.items():
        if not (isfinite(value) and value >= 0):
            raise UsageError(f"{name} should be a finite number of at least 0, not {value!r}")
    if arrivals_per_s >= served_per_s:
        problem = f"{arrivals_per_s:g} arrivals per second are no fewer than the {served_per_s:g} that are served"
        raise UsageError(f"{problem}: the queue grows without end; arrivals_per_s must be less than served_per_s")
    squares = deviation_s**2 + served_per_s**-2
    return arrivals_per_s * squares / (2 * (1 - arrivals_per_s / served_per_s))

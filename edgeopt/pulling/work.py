"""Operations as integers: the work of options and the compute limits of sites, exact wherever 64 bits hold them."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from edgeopt.pulling.core import UNLIMITED, Floats, Ints
from edgeopt.pulling.instance import PullingInstance

LARGEST_WORK = 2**61

Work = NDArray[np.int64] | NDArray[np.object_]  # Python's integers where 64 bits could overflow


def exact_work(flops_per_sample: Floats, instance: PullingInstance) -> tuple[list[int], list[int | None]]:
    """Return the operations per sample of each model and the limit of each site, as integers of one common unit."""
    flops = [Fraction(value) for value in flops_per_sample.tolist()]
    scale = lcm(*(value.denominator for value in flops))
    work = [int(value * scale) for value in flops]
    unit = reduce(gcd, work, 0) or 1
    limits = [cloudlet.compute_flops for cloudlet in instance.cloudlets.values()]
    exact = [None if limit is None else int(Fraction(limit) * scale // unit) for limit in limits]
    return [value // unit for value in work], exact


def work_of_samples(largest: int, work: list[int]) -> Work:
    """Return the work per sample, in Python's integers where `largest` samples together could overflow 64 bits."""
    if largest * max(work, default=0) <= LARGEST_WORK:
        return np.array(work, np.int64)
    return np.array(work, np.object_)


def work_at_sites(
    units: Ints, option_group: Ints, option_site: Ints, work: Work, limits: list[int | None]
) -> tuple[Ints, Ints, Ints]:
    """Return the work of the options rounded down and up, and the limits, in units of each site that 64 bits hold.

    A unit is the greatest common divisor of the works at the site, so that nothing is rounded, unless what could come
    together there still overflows.
    """
    limit = np.array(
        [UNLIMITED if limit_here is None else min(limit_here, LARGEST_WORK) for limit_here in limits], np.int64
    )
    if work.dtype == np.int64:
        exact = work.astype(np.int64)
        return exact, exact, limit
    least, most = np.zeros((2, len(work)), np.int64)
    for site, limit_here in enumerate(limits):
        here = np.flatnonzero(option_site == site)
        exact_work = [int(value) for value in work[here]]
        if limit_here is None:
            continue
        unit = gcd(*exact_work) or 1
        total = sum(int(units[group]) * value for group, value in zip(option_group[here], exact_work, strict=True))
        if total <= limit_here:
            limit[site] = UNLIMITED
            continue
        unit <<= max(0, (total // unit // LARGEST_WORK).bit_length())
        least[here] = [value // unit for value in exact_work]
        most[here] = [-(-value // unit) for value in exact_work]
        limit[site] = limit_here // unit
    return least, most, limit

"""The tolerances of proof: how far rounding may reach into what is stated as proven."""

from __future__ import annotations

from typing import Final

# Of certificates, relative to the larger of objective and bound.
CROSSING: Final = 1e-6  # a bound further than this beyond a checked objective is a fault
PROVED_GAP: Final = 1e-9  # a gap of at most this proves the optimum
SAME: Final = 1e-9  # two values that differ by at most this are one

# Of bounds on objectives that are whole numbers, absolute.
WHOLE: Final = 1e-6  # a bound is rounded to the next whole number after this margin

# Of the solvers' own proofs, relative: what they call optimal, or a bound, is no more precise.
HIGHS_PRECISION: Final = 1e-8
HIGHS_BOUND_ERROR: Final = 5e-10  # of bounds on scaled objectives: HiGHS cuts off within 1e-6 beside at least 2,048
SCIP_PRECISION: Final = 1e-6

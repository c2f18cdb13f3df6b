"""How cost grows with size, fitted on the measured sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def exponent(sizes: Sequence[float], costs: Sequence[float | None]) -> float:
    """Slope of the log of the cost over the log of the size, by least squares; costs that are None are left out."""
    known = [(size, cost) for size, cost in zip(sizes, costs, strict=True) if cost is not None]
    log_sizes, log_costs = np.log(np.array(known)).T
    return float(np.polyfit(log_sizes, log_costs, 1)[0])

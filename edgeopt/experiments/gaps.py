"""Gaps of runs: to the own bound, the best bound, the best value found, the optimum, and the best known value.

Every gap is a loss: 0 is best, and NaN says that one of the two values is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeopt.problems import PROBLEMS

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SMALLEST = 1e-9  # the divisor of a gap is at least this, as in a solution's gap
PROVED_GAP = 1e-9


def senses(frame: pd.DataFrame) -> Floats:
    """Return 1 for each run that maximises, -1 for each that minimises."""
    return np.array([1.0 if PROBLEMS[problem].maximize else -1.0 for problem in frame["problem"]])


def with_gaps(frame: pd.DataFrame, best_known: Mapping[str, float]) -> pd.DataFrame:
    """Add what all runs of an instance know together, and each run's gaps to it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns ``problem``, ``instance_sha256``, ``status``, ``objective`` and ``bound``.
    best_known : mapping of str to float
        By the instance's SHA-256.

    Returns
    -------
    pandas.DataFrame
        With ``best_found``, ``best_bound``, ``optimum``, ``best_known`` and the gaps. Only the gap to the best known
        value can be negative: the run has found something better.
    """
    sense = senses(frame)
    objective, bound = frame["objective"].to_numpy(float), frame["bound"].to_numpy(float)
    instance = frame["instance_sha256"]
    best_found = sense * _best(sense * objective, instance, "max")
    best_bound = sense * _best(sense * bound, instance, "min")
    proved = np.where(frame["status"] == "optimal", objective, np.nan)
    closed = np.where(_gap(best_found, best_bound, best_found) <= PROVED_GAP, best_found, np.nan)
    optimum = _best(proved, instance, "first")
    known = instance.map(dict(best_known)).to_numpy(float) if best_known else np.full(len(frame), np.nan)
    added: dict[str, Any] = {
        "best_found": best_found,
        "best_bound": best_bound,
        "optimum": np.where(np.isnan(optimum), closed, optimum),
        "best_known": known,
        "gap": _gap(objective, bound, objective),
        "gap_to_best_bound": _gap(objective, best_bound, objective),
        "gap_to_best_found": _gap(objective, best_found, best_found),
    }
    added["gap_to_optimum"] = _gap(objective, added["optimum"], added["optimum"])
    added["gap_to_best_known"] = sense * (known - objective) / np.maximum(np.abs(known), SMALLEST)
    return frame.assign(**added)


def _best(values: Floats, instance: pd.Series[str], pick: Literal["max", "min", "first"]) -> Floats:
    """Return for each run the best value of its instance's runs; NaN where none has one."""
    import pandas as pd

    found: Floats = pd.Series(values, index=instance.index).groupby(instance).transform(pick).to_numpy(float)
    return found


def _gap(first: Floats, second: Floats, divisor: Floats) -> Floats:
    gap: Floats = np.abs(first - second) / np.maximum(np.abs(divisor), SMALLEST)
    return gap


def references(frame: pd.DataFrame) -> Floats:
    """Return for each run the value that its instance's runs are measured by.

    It is the optimum where that is proven, else the better of best found and best known. NaN: nobody knows a plan.
    """
    sense, optimum = senses(frame), frame["optimum"].to_numpy(float)
    best = sense * np.fmax(sense * frame["best_found"].to_numpy(float), sense * frame["best_known"].to_numpy(float))
    reference: Floats = np.where(np.isnan(optimum), best, optimum)
    return reference


def primal_gap(values: Floats, reference: Floats) -> Floats:
    """Return the primal gap of Berthold (2013): |reference - value| / max(|reference|, |value|), between 0 and 1.

    1 where there is no value, or one of the other sign than the reference; 0 where they are equal, and NaN without
    a reference. It serves for bounds, too.
    """
    largest = np.maximum(np.abs(values), np.abs(reference))
    gap = np.abs(reference - values) / np.where(largest == 0, 1.0, largest)
    gap = np.where(np.isnan(values) | (values * reference < 0), 1.0, gap)
    missing: Floats = np.where(np.isnan(reference), np.nan, gap)
    return missing

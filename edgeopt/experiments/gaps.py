"""Gaps of runs: to the own bound, the best bound, the best value found, the optimum, and the best known value.

Every gap is a loss: 0 is best, and NaN says that one of the two values is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeopt.problems import PROBLEMS
from edgeopt.tolerances import CROSSING, PROVED_GAP

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


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
        With ``best_found``, ``best_bound``, ``contradicted`` (whether plans and bounds disprove each other),
        ``optimum``, ``best_known`` and the gaps. Only the gap to the best known value can be negative: the run has
        found something better.
    """
    sense = senses(frame)
    objective, bound = frame["objective"].to_numpy(float), frame["bound"].to_numpy(float)
    instance = frame["instance_sha256"]
    best_found = sense * _best(sense * objective, instance, "max")
    best_bound = sense * _best(sense * bound, instance, "min")
    proved = np.where(frame["status"] == "optimal", objective, np.nan)
    closed = np.where(_gap(best_found, best_bound, best_found) <= PROVED_GAP, best_found, np.nan)
    optimum = _best(proved, instance, "first")
    infeasible = (frame["status"] == "infeasible").groupby(instance).transform("any").to_numpy(bool)
    contradicted = _crosses(frame, best_found, best_bound) | infeasible & ~np.isnan(best_found)
    known = np.asarray(instance.map(lambda sha256: best_known.get(sha256, np.nan)), np.float64)
    added: dict[str, Any] = {
        "best_found": best_found,
        "best_bound": best_bound,
        "contradicted": contradicted,
        "optimum": np.where(contradicted, np.nan, np.where(np.isnan(optimum), closed, optimum)),
        "best_known": known,
        "gap": _gap(objective, bound, objective),
        "gap_to_best_bound": _gap(objective, best_bound, objective),
        "gap_to_best_found": _gap(objective, best_found, best_found),
    }
    added["gap_to_optimum"] = _gap(objective, added["optimum"], added["optimum"])
    added["gap_to_best_known"] = sense * np.sign(known - objective) * _gap(objective, known, known)
    return frame.assign(**added)


def _best(values: Floats, instance: pd.Series[str], pick: Literal["max", "min", "first"]) -> Floats:
    """Return for each run the best value of its instance's runs; NaN where none has one."""
    import pandas as pd

    best: Floats = pd.Series(values, index=instance.index).groupby(instance).transform(pick).to_numpy(float)
    return best


def _gap(first: Floats, second: Floats, divisor: Floats) -> Floats:
    """Return |first - second| / |divisor|, and 1 where only the divisor is 0, as `relative_gap` does."""
    divisor = np.where(divisor == 0, np.maximum(np.abs(first), np.abs(second)), np.abs(divisor))
    gap: Floats = np.abs(first - second) / np.where(divisor == 0, 1.0, divisor)
    return gap


def _crosses(frame: pd.DataFrame, objective: Floats, bound: Floats) -> NDArray[np.bool_]:
    integral = np.array([PROBLEMS[problem].integral for problem in frame["problem"]], dtype=np.bool_)
    integral &= (objective % 1 == 0) & (bound % 1 == 0)  # weights need not be whole numbers
    tolerance = np.where(integral, 0.0, CROSSING * np.maximum(np.abs(objective), np.abs(bound)))
    crossing: NDArray[np.bool_] = senses(frame) * (objective - bound) > tolerance
    return crossing


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
    gap = np.where(np.isnan(values) | (np.sign(values) * np.sign(reference) < 0), 1.0, gap)
    missing: Floats = np.where(np.isnan(reference), np.nan, gap)
    return missing

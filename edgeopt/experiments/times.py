"""When runs reached what they were after: infinity where they did not, NaN where they have not finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeopt.experiments.gaps import primal_gap, references
from edgeopt.experiments.integrals import certified
from edgeopt.experiments.store import PENDING

if TYPE_CHECKING:
    import pandas as pd

PROVED = ("optimal", "infeasible")


def proof_times(frame: pd.DataFrame) -> pd.Series[float]:
    """Return the seconds until a run proved its plan optimal, or that there is none.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns.

    Returns
    -------
    pandas.Series
        Infinity for finished runs without proof, NaN for pending ones.
    """
    unproved = np.where(frame["status"] == PENDING, np.nan, np.inf)
    return frame["wall_s"].where(frame["status"].isin(PROVED), unproved).rename("proof_s")


def target_times(frame: pd.DataFrame, history: pd.DataFrame, gap: float = 0.01) -> pd.Series[float]:
    """Return the seconds until a run's incumbent came within a gap of the reference value (see `references`).

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns.
    history : pandas.DataFrame
        What `read_history` returns.
    gap : float
        Primal gap, see `primal_gap`.

    Returns
    -------
    pandas.Series
        Infinity for finished runs that did not, NaN for pending ones and where there is no reference.
    """
    points = certified(frame, history)
    reference = points["run"].map(dict(zip(frame["run"], references(frame), strict=True))).to_numpy(float)
    near = points[primal_gap(points["objective"].to_numpy(float), reference) <= gap]
    reached = frame["run"].map(near.groupby("run")["elapsed_s"].min())
    open_or_unknown = (frame["status"] == PENDING) | np.isnan(references(frame))
    return reached.fillna(np.inf).mask(open_or_unknown).rename("target_s")

"""Performance profiles: which part of the cases a method brings to the goal within a factor of the fastest.

Dolan and Moré, "Benchmarking optimization software with performance profiles", Mathematical Programming 91 (2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.errors import UsageError
from edgeopt.experiments.aggregates import CASE
from edgeopt.experiments.times import proof_times

if TYPE_CHECKING:
    import pandas as pd

LEAST_S = 0.01  # times below it are equal: they measure noise


@dataclass(frozen=True)
class Profile:
    """A performance profile.

    Attributes
    ----------
    curves : pandas.DataFrame
        One column for each method, one row for each ratio to the fastest at which a curve rises (the index): the part
        of the cases that the method brings to the goal within this ratio. The last row is the part that it brings
        there at all.
    cases : int
        Instances and seeds that every method has finished: those that are compared.
    left_out : int
        Those that some method has not finished, or that were not requested of it.
    """

    curves: pd.DataFrame
    cases: int
    left_out: int


def performance_profile(frame: pd.DataFrame, times: pd.Series[float] | None = None) -> Profile:
    """Compare methods by the time to a goal, on the cases (instance and seed) that all of them have finished.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns, the runs of one problem with one set of limits for each method.
    times : pandas.Series, optional
        Seconds to the goal: infinity where it was not reached, NaN where the run has not finished. Default:
        `proof_times`; see also `target_times`.

    Raises
    ------
    UsageError
        The frame holds several problems, or a method twice on a case.
    """
    import pandas as pd

    if frame["problem"].nunique() > 1:
        raise UsageError("a profile compares methods of one problem: select one first")
    if frame.duplicated([*CASE, "method"]).any():
        raise UsageError("a method has several runs of a case, with other limits: select one set of limits first")
    reached = frame.assign(reached=proof_times(frame) if times is None else times)
    table = reached.pivot(index=CASE, columns="method", values="reached")
    compared = table.dropna()
    seconds = compared.clip(lower=LEAST_S)
    fastest = seconds.min(axis=1).replace(np.inf, np.nan)  # nobody reached it: no finite ratio
    ratios = seconds.div(fastest, axis=0).fillna(np.inf)
    steps = np.unique(np.append(ratios.to_numpy(float), 1.0))
    steps = steps[np.isfinite(steps)]
    parts = [(ratios <= step).mean() if len(ratios) else ratios.sum() for step in steps]
    curves = pd.DataFrame(parts, index=pd.Index(steps, name="ratio"))
    return Profile(curves, len(compared), len(table) - len(compared))

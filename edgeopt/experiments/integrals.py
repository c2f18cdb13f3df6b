"""How good incumbents and bounds were over the whole time limit, not only at its end.

The primal integral is that of Berthold, "Measuring the impact of primal heuristics", Operations Research Letters 41
(2013); the integral of the bound's gap is defined alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeopt.experiments.gaps import primal_gap, references, senses
from edgeopt.experiments.store import PENDING

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


def certified(frame: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return the history with no incumbent better than the checked objective, and no bound tighter than the certified.

    While a method runs it reports by itself; the checker sees its last plan only.
    """
    runs = history["run"]
    sense = runs.map(dict(zip(frame["run"], senses(frame), strict=True))).to_numpy(float)
    checked = runs.map(dict(zip(frame["run"], frame["objective"], strict=True))).to_numpy(float)
    proved = runs.map(dict(zip(frame["run"], frame["bound"], strict=True))).to_numpy(float)
    objective = sense * np.minimum(sense * history["objective"].to_numpy(float), sense * checked)
    bound = sense * np.maximum(sense * history["bound"].to_numpy(float), sense * proved)
    return history.assign(objective=objective, bound=bound)[runs.isin(frame["run"])]


def with_integrals(frame: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Add ``primal_integral_s`` and ``bound_integral_s``: the gaps to the reference, over the time limit.

    The gap is 1 before the first incumbent (or bound), and stays what it was when the run ended early. A run that
    failed or was refused has the whole time limit. 0 s is best. NaN: pending, or no reference (see `references`).

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns.
    history : pandas.DataFrame
        What `read_history` returns.
    """
    reference = references(frame)
    limit, pending = frame["time_limit_s"].to_numpy(float), (frame["status"] == PENDING).to_numpy()
    points = dict(list(certified(frame, history).groupby("run")))
    primal, bound = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    for row, run in enumerate(frame["run"]):
        if pending[row] or np.isnan(reference[row]):
            continue
        own = points.get(run)
        if own is None:
            primal[row] = bound[row] = limit[row]
            continue
        elapsed = own["elapsed_s"].to_numpy(float)
        for column, target in (("objective", primal), ("bound", bound)):
            gaps = primal_gap(own[column].to_numpy(float), np.full(len(own), reference[row]))
            target[row] = step_integral(elapsed, gaps, limit[row])
    return frame.assign(primal_integral_s=primal, bound_integral_s=bound)


def step_integral(elapsed_s: Floats, gaps: Floats, limit_s: float) -> float:
    """Integrate from 0 to the limit a gap that is 1 at first and changes at the given times."""
    edges = np.concatenate([[0.0], np.minimum(elapsed_s, limit_s), [limit_s]])
    return float(np.diff(edges) @ np.concatenate([[1.0], gaps]))

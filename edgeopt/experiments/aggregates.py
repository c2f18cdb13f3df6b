"""Figures for whole sweeps that stay right when runs time out, fail or are missing.

No mean here leaves out a finished run: what was not reached counts at the time limit, a plan that is not there has the
gap 1. Runs that have not finished are counted beside the means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeopt.errors import UsageError
from edgeopt.experiments.gaps import primal_gap, references
from edgeopt.experiments.store import PENDING
from edgeopt.experiments.times import PROVED, proof_times

if TYPE_CHECKING:
    import pandas as pd

SHIFT_S = 1.0
LIMITS_REACHED = ("time_limit", "hard_limit")
CASE = ["problem", "instance_sha256", "seed"]


def shifted_geometric_mean(values: Iterable[float], shift: float = SHIFT_S) -> float:
    """Return exp(mean(log(value + shift))) - shift; NaN of no values.

    Small values matter less than in the geometric mean, large ones less than in the arithmetic (Achterberg, "Constraint
    Integer Programming", dissertation, 2007).

    Raises
    ------
    UsageError
        A value is missing, infinite or negative: count it at the time limit, not at nothing.
    """
    array = np.asarray(list(values), float)
    if not np.all(np.isfinite(array)) or np.any(array < 0) or not shift > 0:
        raise UsageError(
            "a shifted geometric mean needs values of at least 0, none of them missing, and a shift above 0"
        )
    if not array.size:
        return float("nan")
    return float(np.expm1(np.mean(np.log1p(array / shift))) * shift)


def charged_times(frame: pd.DataFrame, times: pd.Series[float]) -> pd.Series[float]:
    """Return times of at most the time limit; what was not reached is charged the limit, pending runs stay NaN."""
    return times.clip(upper=frame["time_limit_s"])


def run_times(frame: pd.DataFrame) -> pd.Series[float]:
    """Return the seconds until a run ended by itself: infinity when it was stopped, failed or was refused."""
    ended = ~frame["status"].isin(("failed", "refused")) & ~frame["stopped"].isin(LIMITS_REACHED)
    return frame["wall_s"].where(ended | (frame["status"] == PENDING), np.inf)


def summary(frame: pd.DataFrame, shift: float = SHIFT_S) -> pd.DataFrame:
    """Summarise runs by problem, method and limits.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns; with the columns of `with_integrals`, their means are added.
    shift : float
        Shift of the geometric means, in seconds.

    Returns
    -------
    pandas.DataFrame
        ``requested`` and ``finished`` runs; of the latter the ones ``proved``, ``with_plan``, at their ``timeouts``,
        ``refused`` and ``failed``; ``mean_time_s`` and ``mean_proof_s``, shifted geometric means over all finished
        runs, in which a run that did not end by itself (did not prove) counts at the limit; ``mean_primal_gap`` and
        ``mean_bound_gap``, means over the ``measured`` runs: finished, of instances with a reference value.
    """
    import pandas as pd

    reference = references(frame)
    finished = frame["status"] != PENDING
    columns: dict[str, Any] = {
        "finished": finished,
        "proved": frame["status"].isin(PROVED),
        "with_plan": frame["objective"].notna(),
        "timeouts": frame["stopped"].isin(LIMITS_REACHED),
        "refused": frame["status"] == "refused",
        "failed": frame["status"] == "failed",
        "measured": finished & ~np.isnan(reference),
        "time": charged_times(frame, run_times(frame)),
        "proof": charged_times(frame, proof_times(frame)),
        "primal_gap": primal_gap(frame["objective"].to_numpy(float), reference),
        "bound_gap": primal_gap(frame["bound"].to_numpy(float), reference),
    }
    groups = frame.assign(**columns).groupby(["problem", "method", "options"], sort=False)
    return pd.DataFrame([_line(key, group, shift) for key, group in groups])


def _line(key: Any, group: pd.DataFrame, shift: float) -> dict[str, Any]:
    finished, measured = group[group["finished"]], group[group["measured"]]
    counts = ("finished", "proved", "with_plan", "timeouts", "refused", "failed", "measured")
    return {
        "problem": key[0],
        "method": key[1],
        "time_limit_s": group["time_limit_s"].iloc[0],
        "threads": int(group["threads"].iloc[0]),
        "requested": len(group),
        **{name: int(group[name].sum()) for name in counts},
        "mean_time_s": shifted_geometric_mean(finished["time"], shift),
        "mean_proof_s": shifted_geometric_mean(finished["proof"], shift),
        "mean_primal_gap": measured["primal_gap"].mean(),
        "mean_bound_gap": measured["bound_gap"].mean(),
        **{
            f"mean_{name}": measured[name].mean() for name in ("primal_integral_s", "bound_integral_s") if name in group
        },
    }


def common_cases(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the runs of the cases (instance and seed) that every method of their problem has finished.

    Means of what is kept compare methods on the same cases.
    """
    finished = frame[frame["status"] != PENDING]
    methods = frame.groupby("problem")["method"].nunique()
    done = finished.groupby(CASE)["method"].transform("nunique")
    return finished[done == finished["problem"].map(methods)]

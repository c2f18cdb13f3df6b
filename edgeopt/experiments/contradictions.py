"""Runs that disprove each other: one of them is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def contradictions(frame: pd.DataFrame) -> list[str]:
    """Say for which instances one run disproves another's plan.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns.
    """
    contradicted = frame[frame["contradicted"]]
    return [_sentence(runs) for _, runs in contradicted.groupby("instance_sha256", sort=False)]


def _sentence(runs: pd.DataFrame) -> str:
    first = runs.iloc[0]
    best = runs[runs["objective"] == first["best_found"]].iloc[0]
    objective = f"the checked objective {best['objective']:g} of {best['method']!r} (run {best['run']})"
    infeasible = runs[runs["status"] == "infeasible"]
    if len(infeasible):
        denied = infeasible.iloc[0]
        statement = f"{denied['method']!r} (run {denied['run']}) states that there is no plan"
        return f"{first['problem']} {first['instance']}: {statement}, against {objective}"
    proved = runs[runs["bound"] == first["best_bound"]].iloc[0]
    bound = f"the bound {proved['bound']:g} of {proved['method']!r} (run {proved['run']})"
    return f"{first['problem']} {first['instance']}: {bound} crosses {objective}"

"""Runs that disprove each other: one of them is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeopt.experiments.gaps import senses
from edgeopt.solution import CROSSING

if TYPE_CHECKING:
    import pandas as pd


def contradictions(frame: pd.DataFrame) -> list[str]:
    """Say of which instances one run's bound crosses the checked objective of another.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `read_results`.
    """
    objective, bound = frame["best_found"], frame["best_bound"]
    excess = senses(frame) * (objective - bound)
    crossing = frame[excess > CROSSING * np.maximum(1.0, objective.abs())]
    return [_sentence(runs) for _, runs in crossing.groupby("instance_sha256", sort=False)]


def _sentence(runs: pd.DataFrame) -> str:
    first = runs.iloc[0]
    found = runs[runs["objective"] == first["best_found"]].iloc[0]
    proved = runs[runs["bound"] == first["best_bound"]].iloc[0]
    bound = f"the bound {proved['bound']:g} of {proved['method']!r} (run {proved['run']})"
    objective = f"the checked objective {found['objective']:g} of {found['method']!r} (run {found['run']})"
    return f"{first['problem']} {first['instance']}: {bound} crosses {objective}"

"""The summary of a sweep as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeopt.layout import aligned
from edgeopt.quantities import NOTHING, percent, quantity

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = (
    "method",
    "limit",
    "runs",
    "proved",
    "with plan",
    "timeouts",
    "refused",
    "failed",
    "time",
    "to proof",
    "gap",
    "bound gap",
)


def summary_text(table: pd.DataFrame) -> str:
    """Lay out what `summary` gives: a table for each problem, with what its columns mean."""
    parts = []
    for problem, group in table.groupby("problem", sort=False):
        lines = aligned(HEADINGS, [_cells(line) for _, line in group.iterrows()], range(1, len(HEADINGS)))
        parts.append("\n".join([str(problem), *lines]))
    note = "time, to proof: shifted geometric means, runs without end or proof at their limit; gaps: means"
    return "\n\n".join([*parts, note])


def _cells(line: pd.Series[Any]) -> list[str]:
    finished, requested, measured = line["finished"], line["requested"], line["measured"]
    return [
        line["method"],
        quantity(line["time_limit_s"], "s"),
        str(requested) if finished == requested else f"{finished} of {requested}",
        *(str(line[name]) for name in ("proved", "with_plan", "timeouts", "refused", "failed")),
        quantity(line["mean_time_s"], "s") if finished else NOTHING,
        quantity(line["mean_proof_s"], "s") if finished else NOTHING,
        *(_mean(line[name], measured, finished) for name in ("mean_primal_gap", "mean_bound_gap")),
    ]


def _mean(gap: float, measured: int, finished: int) -> str:
    """Write a mean gap, and over how many runs where these are not all."""
    if not measured:
        return NOTHING
    return percent(gap) if measured == finished else f"{percent(gap)} ({measured} runs)"


def duration(seconds: float) -> str:
    """Write a time that is only an estimate: in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

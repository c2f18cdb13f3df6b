"""A plan as text: who is served, where, when and with what; then who is not, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from edgeopt.layout import aligned, in_cell
from edgeopt.quantities import METRIC_UNITS, NOTHING, number, quantity

if TYPE_CHECKING:
    import pandas as pd

    from edgeopt.solution import Solution


UNREADABLE = ("beamformer",)
LISTS = ("blocks", "evict", "prefetch", "before", "cached_at")
LIST_CHARACTERS = 40


def plan_table(solution: Solution) -> pd.DataFrame:
    """Return the solution's table, its names as a column."""
    frame = solution.to_frame()
    return frame if frame.index.name is None else frame.reset_index()


def plan_text(frame: pd.DataFrame, most: int | None, command: str = "") -> str:
    """Lay out a plan's table; of each part the first rows, and how many more there are.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `plan_table` returns.
    most : int, optional
        Rows of each part; None for all.
    command : str
        What shows all of them.
    """
    parts = []
    for served, heading in ((True, "served"), (False, "not served")):
        rows = frame[frame["served"] == served].drop(columns=["served", *UNREADABLE], errors="ignore")
        rows = rows.dropna(axis="columns", how="all")
        if rows.empty:
            continue
        if served:
            rows = rows.drop(columns="reason")
        else:
            heading = f"{heading}: {_kinds(rows['reason'])}"
            rows = rows[[name for name in rows if name != "reason"] + ["reason"]]
        parts.append("\n".join([heading, *_lines(rows, most, command)]))
    return "\n\n".join(parts)


def _kinds(reasons: pd.Series[Any]) -> str:
    """Count the kinds of reasons, where a colon ends the kind."""
    counts = Counter(reason.partition(": ")[0] if ": " in reason else "" for reason in reasons)
    named = [f"{count} {kind}" for kind, count in counts.most_common() if kind]
    return ", ".join([*named, *([str(counts[""])] if counts[""] else [])])


def _lines(rows: pd.DataFrame, most: int | None, command: str) -> list[str]:
    shown = rows if most is None else rows.head(most)
    names = [str(name) for name in shown]
    headings = [name.removesuffix(_ending(name)).replace("_", " ") for name in names]
    cells = [[_cell(name, value) for name, value in zip(names, row, strict=True)] for row in shown.itertuples(False)]
    right = [column for column, name in enumerate(names) if shown[name].dtype.kind in "iuf"]
    lines = aligned(headings, cells, right)
    if len(shown) < len(rows):
        lines.append(f"... and {len(rows) - len(shown)} more" + (f"; all: {command}" if command else ""))
    return lines


def _ending(name: str) -> str:
    return next((ending for ending in METRIC_UNITS if name.endswith(ending)), "")


def _cell(name: str, value: Any) -> str:
    import pandas as pd

    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return NOTHING
    if isinstance(value, str):
        if name in LISTS:
            text = " ".join(map(str, in_cell(value, name))) if value.startswith("[") else value
            return text if len(text) <= LIST_CHARACTERS else f"{text[: LIST_CHARACTERS - 1]}…"
        return value
    ending = _ending(name)
    return (
        quantity(float(value), METRIC_UNITS[ending])
        if ending
        else number(value.item() if hasattr(value, "item") else value)
    )

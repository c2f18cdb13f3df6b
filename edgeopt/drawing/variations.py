"""The picture of what changes of an instance bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREEN, INK, ORANGE, PALE, PURPLE, VERMILION
from edgeopt.drawing.picture import axes_in, figure_of
from edgeopt.quantities import quantity, unit_of

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, INK)
MARKS = ("o", "s", "^", "D", "v")
TODAY = "today"
NAMED = 12  # lines that a legend names


def plot_variations(
    records: Sequence[Mapping[str, Any]], paths: Sequence[str], objective: str, ax: Axes | None = None
) -> Figure:
    """Draw objectives, and bounds as bands above or below them, against the values of the first key.

    Parameters
    ----------
    records : list of dict
        Of each row: the value of each key (``"today"`` where it is not changed), ``objective``, ``bound``. The first is
        today's.
    paths : list of str
        The keys; a line for each combination of those beyond the first.
    objective : str
        Its name with its unit.
    ax : matplotlib Axes, optional
    """
    ax = axes_in(ax, 7.2, 4.2)
    first, others = paths[0], list(paths[1:])
    axis = list(dict.fromkeys(record[first] for record in records if record[first] != TODAY))
    numbers = all(isinstance(value, int | float) for value in axis)
    place = {value: position for position, value in enumerate(axis)}
    lines: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for record in records:
        if record[first] != TODAY:
            lines.setdefault(tuple(record[path] for path in others), []).append(record)
    for (key, line), colour, mark in zip(lines.items(), cycle(COLOURS), cycle(MARKS), strict=False):
        shown = sorted(
            (record for record in line if record["objective"] is not None),
            key=lambda record: record[first] if numbers else place[record[first]],
        )
        xs = [record[first] if numbers else place[record[first]] for record in shown]
        found = [record["objective"] for record in shown]
        named = ", ".join(f"{path}={_short(path, value)}" for path, value in zip(others, key, strict=True))
        ax.plot(xs, found, color=colour, marker=mark, markersize=5, label=in_figure(named) if named else "found")
        bounds = [record["objective"] if record["bound"] is None else record["bound"] for record in shown]
        if bounds != found:
            ax.fill_between(xs, found, bounds, color=colour, alpha=0.15, linewidth=0)
    today = records[0]["objective"]
    if today is not None:
        ax.axhline(today, color=INK, linestyle=":", linewidth=1.2, label="today")
    if not numbers:
        ax.set_xticks(range(len(axis)), [in_figure(str(value)) for value in axis])
    elif first.endswith("_bytes"):
        ax.xaxis.set_major_formatter(EngFormatter(unit="B"))
    elif first.endswith("_hz"):
        ax.xaxis.set_major_formatter(EngFormatter(unit="Hz"))
    ax.set_xlabel(in_figure(first))
    ax.set_ylabel(objective)
    if all(isinstance(record["objective"], int | None) for record in records):
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(color=PALE, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if len(lines) <= NAMED:
        columns = 2 if len(lines) > 1 else 3
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=8)
    return figure_of(ax)


def _short(path: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and unit_of(path):
        return quantity(value, unit_of(path))
    return f"{value:g}" if isinstance(value, float) else str(value)

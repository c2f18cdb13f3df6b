"""Pictures of comparisons: objectives of methods on one instance, and gaps on several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, INK, PALE, VERMILION
from edgeopt.drawing.picture import axes_in, figure_of


def plot_objectives(
    records: Sequence[Mapping[str, Any]], optimum: float | None, objective: str, ax: Axes | None = None
) -> Figure:
    """Draw the objective of each method as a bar, its bound as a mark, and the optimum as a line.

    Parameters
    ----------
    records : list of dict
        ``method``, ``objective``, ``bound``.
    optimum : float, optional
    objective : str
        Its name with its unit.
    ax : matplotlib Axes, optional
    """
    ax = _axes(ax, len(records))
    rows = np.arange(len(records))
    found = np.array([np.nan if r["objective"] is None else float(r["objective"]) for r in records])
    bounds = np.array([np.nan if r["bound"] is None else float(r["bound"]) for r in records])
    ax.barh(rows, np.nan_to_num(found), color=BLUE, height=0.65)
    drawn = np.isfinite(bounds)
    if drawn.any():
        ax.plot(bounds[drawn], rows[drawn], "|", color=VERMILION, markersize=14, markeredgewidth=2, label="bound")
    for row in rows[np.isnan(found)]:
        ax.annotate("no plan", (0, row), (4, 0), textcoords="offset points", va="center", size=8, color=INK)
    if optimum is not None:
        ax.axvline(optimum, color=INK, linestyle="--", linewidth=1, label="optimum")
    _label(ax, [str(record["method"]) for record in records], objective)
    if drawn.any() or optimum is not None:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=8)
    return figure_of(ax)


def plot_gaps(gaps: Mapping[str, Sequence[float | None]], ax: Axes | None = None) -> Figure:
    """Draw the gaps of each method as dots, and their mean as a bar; runs without a plan are counted beside them."""
    ax = _axes(ax, len(gaps))
    for row, values in enumerate(gaps.values()):
        known = np.array([value for value in values if value is not None], float)
        if len(known):
            ax.barh(row, known.mean(), color=PALE, height=0.65)
            ax.plot(known, np.full(len(known), row), "o", color=BLUE, markersize=4, alpha=0.6, clip_on=False)
        if len(known) < len(values):
            text = f"{len(values) - len(known)} without a plan"
            ax.annotate(
                text, (1, row), (-4, 0), ("axes fraction", "data"), "offset points", ha="right", va="center", size=8
            )
    _label(ax, list(gaps), "gap to the best found; bar: mean")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlim(left=0)
    return figure_of(ax)


def _axes(ax: Axes | None, rows: int) -> Axes:
    return axes_in(ax, 7.2, max(2.2, 1.1 + 0.32 * rows))


def _label(ax: Axes, names: list[str], xlabel: str) -> None:
    ax.set_yticks(range(len(names)), [in_figure(name) for name in names])
    ax.invert_yaxis()
    ax.set_xlabel(xlabel)
    ax.grid(axis="x", color=PALE, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)

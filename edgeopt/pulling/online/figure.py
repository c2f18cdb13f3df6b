"""Regret curves with confidence bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREEN, GREY, INK, ORANGE, VERMILION
from edgeopt.pulling.online.study import Study, half_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, INK, GREY)
DASHES = ("-", "--")
BANDS = 3


def plot_regret(study: Study, ax: Axes | None = None) -> Figure:
    """Draw mean cumulated regret over the rounds, both on logarithmic scales, least regret first in the legend.

    The policies with least regret have 95 % bands; more bands would cover each other.
    """
    from edgeopt.drawing.picture import axes_in, figure_of

    ax = axes_in(ax, 8.0, 5.0)
    ends = []
    order = sorted(zip(study.policies, study.regret, strict=True), key=lambda pair: float(pair[1][:, -1].mean()))
    for number, (name, regret) in enumerate(order):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        mean, width = regret.mean(axis=0), half_width(regret)
        ax.plot(study.rounds, mean, dash, color=colour, label=f"{in_figure(name)}, exponent {study.exponent(mean):.2f}")
        if np.isfinite(width).all() and number < BANDS:
            lower = np.maximum(mean - width, np.where(mean > 0, 0.05 * mean, 0.0))
            ax.fill_between(study.rounds, lower, mean + width, color=colour, alpha=0.15, linewidth=0)
        ends.append(mean[-1])
    ax.set_xscale("log")
    if any(end > 0 for end in ends):
        ax.set_yscale("log")
    ax.set_xlabel("rounds")
    ax.set_ylabel("cumulated regret (s)")
    seeds = f"mean of {len(study.seeds)} seeds with 95 % bands of the best" if len(study.seeds) > 1 else "one seed"
    ax.set_title(f"{in_figure(study.name)}: {seeds}")
    ax.grid(True, which="major", alpha=0.3)
    ax.legend(frameon=False, loc="upper left", fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return figure_of(ax)

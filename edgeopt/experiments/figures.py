"""Figures of sweeps."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREEN, INK, ORANGE, VERMILION
from edgeopt.experiments.profiles import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, INK)
DASHES = ("-", "--", ":", "-.")


def plot_profile(profile: Profile, ax: Axes | None = None) -> Axes:
    """Draw a performance profile: the higher a curve the better; its left end shows speed, its right end reach."""
    from edgeopt.drawing.picture import axes_in

    ax = axes_in(ax, 6.4, 4.0)
    curves = profile.curves
    end = max(2.0, 1.5 * float(curves.index[-1]))
    for number, (method, colour) in enumerate(zip(curves, cycle(COLOURS), strict=False)):
        ratios, parts = [*curves.index, end], [*curves[method], curves[method].iloc[-1]]
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        ax.step(ratios, parts, where="post", color=colour, linestyle=dash, label=in_figure(str(method)))
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    ax.set_xlim(1, end)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel("time, as a multiple of the fastest method's")
    ax.set_ylabel(f"part of {profile.cases} cases")
    if profile.left_out:
        ax.set_title(f"{profile.left_out} cases left out: not finished by every method", fontsize="small")
    ax.legend(frameon=False)
    return ax

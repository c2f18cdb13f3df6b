"""Performance profiles as step curves, with a key that states where each curve ends."""

from __future__ import annotations

from math import ceil, floor, log10

from edgeopt.experiments.profiles import Profile
from edgeopt.reporting.curves import GRID, axes, steps
from edgeopt.reporting.markup import Markup, tag
from edgeopt.reporting.scales import Scale

COLOURS = 6  # after so many curves the colours come again, with other dashes
LEAST_END = 2.0
MARGIN = 1.3


def profile_chart(identifier: str, title: str, profile: Profile) -> Markup:
    """Return the curves of a profile: the part of the cases that a method brings to the goal within a ratio.

    Parameters
    ----------
    identifier : str
        Unique on the page.
    title : str
        What the chart shows, for those who do not see it.
    profile : Profile
    """
    curves = profile.curves
    styles = {name: _style(number) for number, name in enumerate(curves)}
    methods = sorted(curves, key=lambda name: (-curves[name].iloc[-1], -curves[name].iloc[0]))
    ratios = _ratio_scale(max(LEAST_END, float(curves.index[-1])) * MARGIN)
    parts = Scale(0.0, 1.0, False, [(part / 4, f"{25 * part} %") for part in range(5)])
    ends = {name: f"{name}: {curves[name].iloc[0]:.0%} first, {curves[name].iloc[-1]:.0%} in all" for name in methods}
    paths = {
        name: steps(list(zip(curves.index, curves[name], strict=True)), ratios.high, ratios, parts) for name in methods
    }
    drawn = tag(
        "svg",
        *(tag("path", tag("title", ends[name]), d=paths[name], class_=styles[name]) for name in methods),
        viewBox=f"0 0 {GRID} {GRID}",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
        class_="unclipped",
    )
    picture = tag(
        "svg",
        tag("title", title, id=f"{identifier}-title"),
        tag("desc", ". ".join(ends.values()), id=f"{identifier}-desc"),
        axes(ratios, parts),
        drawn,
        class_="curves profile",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
    )
    key = [tag("li", _sample(styles[name]), f"{name} {curves[name].iloc[-1]:.0%}") for name in methods]
    return tag("div", picture, tag("ul", *key, class_="key"))


def _ratio_scale(high: float) -> Scale:
    marks = [float(factor * 10**power) for power in range(floor(log10(high)) + 1) for factor in (1, 2, 5)]
    shown = [mark for mark in marks if mark <= high]
    if len(shown) > 5:
        tens = range(0, floor(log10(high)) + 1, ceil((floor(log10(high)) + 1) / 5))
        shown = [10.0**power for power in tens]
    return Scale(1.0, high, True, [(mark, f"{mark:g}×") for mark in shown])


def _style(number: int) -> str:
    return f"colour-{number % COLOURS} dash-{number // COLOURS % 3}"


def _sample(style: str) -> Markup:
    line = tag("line", x1=0, x2=18, y1=5, y2=5, class_=style)
    return tag("svg", line, width=18, height=10, aria_hidden="true")

"""Charts with a row for each method: where its objective and bound stand, and how long it took.

Positions are percentages of the width, so that text and marks keep their size on a phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgeopt.reporting.markup import Markup, join, tag
from edgeopt.reporting.scales import Scale

ROW_HEIGHT = 26
TOP = 6
AXIS_HEIGHT = 40
LETTER_WIDTH = 7.2
LONGEST_LABEL = 18
FEW_TICKS = 4  # texts of an axis that a phone has room for


@dataclass(frozen=True)
class ChartRow:
    """A row of a chart.

    Attributes
    ----------
    label : str
    description : str
        The row in words, shown when pointed at and read aloud.
    dot : float, optional
        Where the dot stands, in units of the axis.
    bar : tuple of (float, float), optional
        From where to where the bar goes; its second end has a cross line.
    kind : str
        CSS class of the dot.
    """

    label: str
    description: str
    dot: float | None = None
    bar: tuple[float, float] | None = None
    tick: float | None = None
    kind: str = "found"


def rows_chart(
    identifier: str,
    title: str,
    scale: Scale,
    axis: str,
    rows: Sequence[ChartRow],
    rule: tuple[float, str] | None = None,
) -> Markup:
    """Return a chart with a row for each method.

    Parameters
    ----------
    identifier : str
        Unique on the page.
    title : str
        What the chart shows, for those who do not see it.
    scale : Scale
    axis : str
        Title of the axis, with its unit.
    rows : sequence of ChartRow
    rule : tuple of (float, str), optional
        A line across all rows, and what it is.
    """
    height = TOP + ROW_HEIGHT * len(rows)
    described = tag("desc", ". ".join(row.description for row in rows), id=f"{identifier}-desc")
    parts = [tag("title", title, id=f"{identifier}-title"), described, _axis(scale, axis, height)]
    if rule is not None:
        parts.append(_rule(scale, rule, height))
    parts += [_draw_row(scale, row, TOP + ROW_HEIGHT * (index + 0.5)) for index, row in enumerate(rows)]
    return tag(
        "svg",
        *parts,
        class_="rows-chart",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
        height=height + AXIS_HEIGHT,
        style=label_width(row.label for row in rows),
    )


def label_width(labels: Iterable[str]) -> str:
    """Return the style that leaves room for the labels, at the left of a chart."""
    widest = max((min(len(label), LONGEST_LABEL) for label in labels), default=0)
    return f"--label:{widest * LETTER_WIDTH + 14:.0f}px"


def row_label(label: str, y: float) -> Markup:
    """Return the label of a row, cut where it is too long."""
    short = label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
    return tag("text", short, x=-10, y=y + 4, text_anchor="end", class_="label")


def _axis(scale: Scale, axis: str, height: float) -> Markup:
    lines = [
        join(
            [
                tag("line", x1=_at(scale, value), x2=_at(scale, value), y1=TOP, y2=height, class_="grid"),
                tag("text", label, x=_at(scale, value), y=height + 16, text_anchor="middle", class_=kind),
            ]
        )
        for (value, label), kind in zip(scale.ticks, _kinds(len(scale.ticks)), strict=True)
    ]
    name = tag("text", axis, x="50%", y=height + 35, text_anchor="middle", class_="axis")
    return tag("g", *lines, name, aria_hidden="true")


def _rule(scale: Scale, rule: tuple[float, str], height: float) -> Markup:
    place = _at(scale, rule[0])
    return tag("line", tag("title", rule[1]), x1=place, x2=place, y1=0, y2=height, class_="rule")


def _draw_row(scale: Scale, row: ChartRow, y: float) -> Markup:
    parts = [
        tag("title", row.description),
        row_label(row.label, y),
        tag("line", x1=0, x2="100%", y1=y, y2=y, class_="lane"),
    ]
    if row.bar is not None:
        start, end = sorted(scale.position(value) for value in row.bar)
        parts.append(tag("rect", x=_percent(start), width=_percent(end - start), y=y - 5, height=10, class_="bar"))
    if row.tick is not None:
        parts.append(_mark(scale, row.tick, y, "tick"))
    if row.dot is not None:
        parts.append(_mark(scale, row.dot, y, row.kind))
    return tag("g", *parts)


def _mark(scale: Scale, value: float, y: float, kind: str) -> Markup:
    """Draw a dot or cross line, or an arrow at the end of the axis beyond which the value is."""
    beyond, place = scale.beyond(value), _at(scale, value)
    if beyond:
        return tag("text", "▸" if beyond > 0 else "◂", x=place, y=y + 5, text_anchor="middle", class_=f"mark {kind}")
    if kind == "tick":
        return tag("rect", x=place, y=y - 8, width=3, height=16, transform="translate(-1.5)", class_="mark tick")
    return tag("circle", cx=place, cy=y, r=5, class_=f"mark {kind}")


def _kinds(ticks: int) -> list[str]:
    """Return the classes of an axis's texts: of many, every second one is hidden where the page is narrow."""
    return ["tick second" if ticks > FEW_TICKS and number % 2 else "tick" for number in range(ticks)]


def _at(scale: Scale, value: float) -> str:
    return _percent(scale.position(value))


def _percent(position: float) -> str:
    return f"{100 * position:.2f}%"

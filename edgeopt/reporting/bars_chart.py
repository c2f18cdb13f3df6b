"""Bars with a row for each method, divided into counts of runs by their outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeopt.reporting.markup import Markup, tag
from edgeopt.reporting.rows_chart import ROW_HEIGHT, TOP, label_width, row_label

NUMBERED = 0.06  # of the width: parts at least so wide carry their number


def bars_chart(identifier: str, title: str, rows: Sequence[tuple[str, Mapping[str, int]]]) -> Markup:
    """Return a chart of counts.

    Parameters
    ----------
    identifier : str
        Unique on the page.
    title : str
        What the chart shows, for those who do not see it.
    rows : sequence of (str, mapping of str to int)
        A label and its counts by kind, which is the CSS class of the part.
    """
    longest = max((sum(counts.values()) for _, counts in rows), default=0) or 1
    descriptions = [_description(label, counts) for label, counts in rows]
    drawn = [
        _row(label, counts, words, longest, TOP + ROW_HEIGHT * (index + 0.5))
        for index, ((label, counts), words) in enumerate(zip(rows, descriptions, strict=True))
    ]
    return tag(
        "svg",
        tag("title", title, id=f"{identifier}-title"),
        tag("desc", ". ".join(descriptions), id=f"{identifier}-desc"),
        *drawn,
        class_="rows-chart",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
        height=2 * TOP + ROW_HEIGHT * len(rows),
        style=label_width(label for label, _ in rows),
    )


def _description(label: str, counts: Mapping[str, int]) -> str:
    return f"{label}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def _row(label: str, counts: Mapping[str, int], description: str, longest: int, y: float) -> Markup:
    parts, start = [], 0.0
    for kind, count in counts.items():
        width = count / longest
        if count:
            place = {"x": f"{100 * start:.2f}%", "width": f"{100 * width:.2f}%"}
            parts.append(tag("rect", y=y - 9, height=18, class_=f"part {kind}", **place))
        if width >= NUMBERED:
            middle = f"{100 * (start + width / 2):.2f}%"
            parts.append(tag("text", str(count), x=middle, y=y + 4, text_anchor="middle", class_=f"count {kind}"))
        start += width
    return tag("g", tag("title", description), row_label(label, y), *parts)

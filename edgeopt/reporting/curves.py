"""Incumbent and bound over time: one small panel for each method, on common axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeopt.reporting.markup import Markup, join, tag
from edgeopt.reporting.scales import Scale
from edgeopt.solution import Number

GRID = 1000  # curves are drawn in a square of so many steps, which each panel stretches to its size
Event = Sequence[Number | None]


@dataclass(frozen=True)
class Course:
    """The course of one method.

    Attributes
    ----------
    label, description : str
        Its name, and its course in words.
    history : sequence of (float, float or None, float or None)
        Seconds, incumbent and bound whenever one improved.
    end_s : float
    """

    label: str
    description: str
    history: Sequence[Event]
    end_s: float


def panels(identifier: str, shown: Sequence[Course], others: Sequence[Course], times: Scale, values: Scale) -> Markup:
    """Return a panel for each course, with the incumbents of all courses and of the others in grey behind it."""
    behind = tag("g", *(_context(course, times, values) for course in (*shown, *others)), id=f"{identifier}-all")
    hidden = tag("svg", tag("defs", behind), class_="definitions", aria_hidden="true", width=0, height=0)
    drawn = [
        _panel(f"{identifier}-{index}", f"{identifier}-all", course, times, values)
        for index, course in enumerate(shown)
    ]
    return tag("div", hidden, *drawn, class_="panels")


def steps(points: Sequence[tuple[float, float]], end: float, times: Scale, values: Scale) -> str:
    """Return the path of a step function through (time, value), drawn on to its end."""
    corner_points = corners(points, times, values)
    if not corner_points:
        return ""
    across = "".join(f"H{x}V{y}" for x, y in corner_points[1:])
    return f"M{corner_points[0][0]} {corner_points[0][1]}{across}H{round(GRID * times.position(end))}"


def corners(points: Sequence[tuple[float, float]], times: Scale, values: Scale) -> list[tuple[int, int]]:
    """Return where a step function stands from each step on; steps that cannot be distinguished are one."""
    corner_points: list[tuple[int, int]] = []
    for time, value in points:
        corner = round(GRID * times.position(time)), round(GRID * (1 - values.position(value)))
        if corner_points and corner_points[-1][0] == corner[0]:
            corner_points.pop()
        if not corner_points or corner_points[-1][1] != corner[1]:
            corner_points.append(corner)
    return corner_points


def _course(history: Sequence[Event], column: int) -> list[tuple[float, float]]:
    return [(float(event[0] or 0), float(event[column] or 0)) for event in history if event[column] is not None]


def _context(course: Course, times: Scale, values: Scale) -> Markup:
    """Draw the incumbents of a method, whose plan is there from its end on."""
    return tag("path", d=steps(_course(course.history, 1), times.high, times, values), class_="trace")


def _panel(identifier: str, behind: str, course: Course, times: Scale, values: Scale) -> Markup:
    incumbents, bounds = _course(course.history, 1), _course(course.history, 2)
    curves = tag(
        "svg",
        tag("use", href=f"#{behind}", class_="context"),
        tag("path", d=_between(course, times, values), class_="between"),
        tag("path", d=steps(bounds, course.end_s, times, values), class_="bound"),
        tag("path", d=steps(incumbents, course.end_s, times, values), class_="incumbent"),
        viewBox=f"0 0 {GRID} {GRID}",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
    )
    picture = tag(
        "svg",
        tag("title", f"{course.label}: incumbent and bound over time", id=f"{identifier}-title"),
        tag("desc", course.description, id=f"{identifier}-desc"),
        axes(times, values),
        curves,
        *_ends(course, incumbents, bounds, times, values),
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
        class_="curves",
    )
    return tag("figure", tag("figcaption", course.label), picture, class_="panel")


def _between(course: Course, times: Scale, values: Scale) -> str:
    """Draw the area between incumbent and bound, from when both are known."""
    both = [event for event in course.history if event[1] is not None and event[2] is not None]
    if not both:
        return ""
    there = steps(_course(both, 1), course.end_s, times, values)
    bounds = corners(_course(both, 2), times, values)
    back = f"V{bounds[-1][1]}"
    for (x, _), (_, before) in zip(reversed(bounds[1:]), reversed(bounds[:-1]), strict=True):
        back += f"H{x}V{before}"
    return f"{there}{back}H{bounds[0][0]}Z"


def _ends(
    course: Course,
    incumbents: list[tuple[float, float]],
    bounds: list[tuple[float, float]],
    times: Scale,
    values: Scale,
) -> list[Markup]:
    dots = [("bound", course[-1][1]) for course in [bounds] if course]
    dots += [("incumbent", course[-1][1]) for course in [incumbents] if course]
    x = f"{100 * times.position(course.end_s):.2f}%"
    return [
        tag("circle", cx=x, cy=f"{100 - 100 * values.position(value):.2f}%", r=3.5, class_=f"end {kind}")
        for kind, value in dots
    ]


def axes(times: Scale, values: Scale) -> Markup:
    """Return the marks of both axes, with lines across."""
    across = [(f"{100 - 100 * values.position(value):.2f}%", label) for value, label in values.ticks]
    along = [(f"{100 * times.position(value):.2f}%", label) for value, label in times.ticks]
    lines = [
        join(
            [
                tag("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"),
                tag("text", label, x=-6, y=y, dy="0.32em", text_anchor="end", class_="tick"),
            ]
        )
        for y, label in across
    ]
    lines += [tag("text", label, x=x, y="100%", dy="1.5em", text_anchor="middle", class_="tick") for x, label in along]
    return tag("g", *lines, aria_hidden="true")

"""Numbers with their units, and facts and comparisons as text and HTML."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from edgeopt.solution import Number, Status

if TYPE_CHECKING:
    from edgeopt.comparison import Comparison, Row

FIGURES = range(1, 6)  # columns of a comparison that hold figures
NOTHING = "-"
HUGE_FRACTION = 100  # the gap of a plan worth 0 is infinite but for the smallest divisor
LARGE_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
SMALL_PREFIXES = ("", "m", "µ", "n")


def number(value: Number | None) -> str:
    """Write an objective or a bound: integers whole, others with six digits, nothing as a dash."""
    if value is None:
        return NOTHING
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def amount(value: Number | None, unit: str) -> str:
    """Write an objective or a bound with its unit; weights have none."""
    return number(value) if value is None or not unit else f"{number(value)} {unit}"


def percent(value: float | None) -> str:
    """Write a fraction as a percentage; what is not zero never reads as zero, and what is huge has no digits."""
    if value is None:
        return NOTHING
    if value > HUGE_FRACTION:
        return f"> {100 * HUGE_FRACTION} %"
    if 0 < abs(value) < 5e-5:
        return "< 0.01 %"
    return f"{100 * value:.2f} %" if value else "0 %"


def quantity(value: float, unit: str) -> str:
    """Write a quantity with three digits and the decimal prefix that suits its size, such as ``45.8 MB``.

    Parameters
    ----------
    value : float
        In `unit`.
    unit : str
        Base unit: ``"B"``, ``"B/s"``, ``"bit"``, ``"Hz"``, ``"s"``. Seconds take small prefixes only (ms, not ks).
    """
    prefixes = SMALL_PREFIXES if unit == "s" else LARGE_PREFIXES
    step = 1000 if unit == "s" else 1 / 1000
    scaled, position = float(value), 0
    while scaled and position + 1 < len(prefixes) and _needs_step(abs(scaled), step):
        scaled, position = scaled * step, position + 1
    digits = f"{scaled:.0f}" if abs(scaled) >= 100 or scaled == int(scaled) else f"{scaled:.3g}"
    return f"{digits} {prefixes[position]}{unit}"


def _needs_step(scaled: float, step: float) -> bool:
    return scaled < 0.9995 if step > 1 else scaled >= 999.5


def facts_html(title: str, facts: Mapping[str, str]) -> str:
    """Lay out named facts as a small HTML table under a title."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(fact)}</td></tr>'
        for name, fact in facts.items()
    )
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table></div>"


def comparison_headings(comparison: Comparison) -> list[str]:
    """Column headings of a comparison, the objective's named by what it counts."""
    return [
        "method",
        comparison.instance.problem_facts.objective,
        "bound",
        "gap",
        "to optimum",
        "time",
        "set-up",
        "status",
    ]


def comparison_cells(comparison: Comparison) -> list[list[str]]:
    """One row of texts for each method of a comparison, under `comparison_headings`."""
    return [
        [
            record["method"],
            number(record["objective"]),
            number(record["bound"]),
            percent(record["gap"]),
            percent(record["gap_to_optimum"]),
            *(NOTHING if record[key] is None else quantity(record[key], "s") for key in ("runtime_s", "setup_s")),
            status_text(record["status"], record["stopped"]),
        ]
        for record in comparison.records()
    ]


def status_text(status: str, stopped: str | None) -> str:
    """Say what was found and, unless the method simply ended, why the run stopped."""
    plain = stopped in (None, "proved", "finished") or status == Status.OPTIMAL
    return status if plain else f"{status} ({str(stopped).replace('_', ' ')})"


def comparison_summary(comparison: Comparison) -> str:
    """One line that says what all methods together know of the optimum."""
    if comparison.contradiction is not None:
        return f"contradiction: {comparison.contradiction}"
    unit = comparison.instance.problem_facts.unit
    if comparison.optimum is not None:
        return f"optimum: {amount(comparison.optimum, unit)}, proven"
    best, bound = amount(comparison.best_objective, unit), amount(comparison.best_bound, unit)
    return f"optimum: not proven; best found {best}, best bound {bound}"


def comparison_reasons(comparison: Comparison) -> list[str]:
    """Why methods gave no solution, one line each."""
    return [f"{row.method}: {row.reason}" for row in comparison.rows if _without_solution(row)]


def _without_solution(row: Row) -> bool:
    return row.solution is None and bool(row.reason)


def comparison_text(comparison: Comparison) -> str:
    """Lay out a comparison as plain text: the table, the optimum, and why methods gave nothing."""
    title = f"{comparison.instance.problem} {comparison.instance.name}"
    table = aligned(comparison_headings(comparison), comparison_cells(comparison), FIGURES)
    return "\n".join([title, *table, comparison_summary(comparison), *comparison_reasons(comparison)])


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Align columns of text to the left, or to the right where the column's number is in `right`."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]

    def line_text(line: Sequence[str]) -> str:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line_text(line) for line in lines]


def comparison_html(comparison: Comparison) -> str:
    """Lay out a comparison as an HTML table."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in comparison_headings(comparison))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in comparison_cells(comparison)
    )
    notes = "<br>".join(escape(line) for line in [comparison_summary(comparison), *comparison_reasons(comparison)])
    title = escape(f"{comparison.instance.problem} {comparison.instance.name}")
    return (
        f"<div><strong>{title}</strong><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}</div>"
    )


METRIC_UNITS = {"_bytes": "B", "_s": "s", "_hz": "Hz", "_bits": "bit"}


def metric(key: str, value: float) -> tuple[str, str]:
    """Write a checker's metric, whose key ends in its unit, as a name and a quantity."""
    for ending, unit in METRIC_UNITS.items():
        if key.endswith(ending):
            return key.removesuffix(ending).replace("_", " "), quantity(value, unit)
    return key.replace("_", " "), number(value)

"""What `edgeopt compare` prints and writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeopt.cli.common import ExitCode, command_line, save_figure
from edgeopt.cli.terminal import say, say_json

if TYPE_CHECKING:
    from edgeopt.comparing import Compared
    from edgeopt.comparison import Comparison


def show(cases: list[Compared], *, several: bool, summed: bool, as_json: bool) -> None:
    """Print all cases as JSON, or their mean gaps where these are what is asked for."""
    from edgeopt.comparing import Comparisons

    if as_json and cases:
        content = [_record(case) for case in cases]
        say_json(content if several else content[0])
    elif summed and cases:
        say(str(Comparisons(cases)))


def exit_code(comparison: Comparison) -> ExitCode:
    """Return the exit code that a comparison asks for."""
    from edgeopt.solution import Status

    if comparison.contradiction is not None or any(row.failed for row in comparison.rows):
        return ExitCode.CHECK_FAILED
    if comparison.best_objective is not None:
        return ExitCode.SOLVED
    proved = any(row.solution is not None and row.solution.status == Status.INFEASIBLE for row in comparison.rows)
    return ExitCode.INFEASIBLE if proved else ExitCode.NO_SOLUTION


def _record(case: Compared) -> dict[str, Any]:
    comparison = case.comparison
    return {
        "problem": comparison.instance.problem,
        "instance": comparison.instance.name,
        "seed": case.seed,
        "measure": comparison.instance.conventions.objective,
        "unit": comparison.instance.conventions.unit,
        "optimum": comparison.optimum,
        "contradiction": comparison.contradiction,
        "rows": comparison.records(),
    }


def write_report(cases: list[Compared], path: Path) -> None:
    """Write the report of all cases as one page."""
    from edgeopt.reporting import write_comparison_report

    write_comparison_report(path, [case.comparison for case in cases], {"command": command_line()})


def draw(cases: list[Compared], path: Path) -> None:
    """Draw the objectives of one case, or the gaps of several."""
    from edgeopt.comparing import Comparisons

    save_figure(cases[0].comparison.plot() if len(cases) == 1 else Comparisons(cases).plot(), path)


def write_csv(cases: list[Compared], path: Path) -> None:
    """Write a row for each method, instance and seed."""
    from edgeopt.files import write_text
    from edgeopt.layout import csv_text

    records = [
        {
            "instance": case.comparison.instance.name,
            "seed": case.seed,
            "measure": case.comparison.instance.conventions.objective,
            "unit": case.comparison.instance.conventions.unit,
            **record,
            "contradiction": case.comparison.contradiction,
        }
        for case in cases
        for record in case.comparison.records()
    ]
    headings = list(records[0]) if records else ["instance", "method"]
    write_text(path, csv_text(headings, [list(record.values()) for record in records]))

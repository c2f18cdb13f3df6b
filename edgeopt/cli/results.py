"""`edgeopt results`: the results of a sweep, as a summary, a table file or a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeopt.cli.common import require_picture, require_writable, save_figure
from edgeopt.cli.terminal import say
from edgeopt.errors import ProgramError, UsageError


def results(
    file: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file of a sweep.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write all runs as .csv or .parquet.", show_default=False),
    ] = None,
    best_known: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Best known values, as JSON.", show_default=False)
    ] = None,
    problem: Annotated[str | None, typer.Option(help="The runs of this problem only.", show_default=False)] = None,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the performance profile of times to proof.", show_default=False),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check every plan again.")] = False,
) -> None:
    """Summarise the results of a sweep: runs proved, failed and at their limits, times and gaps of each method."""
    from edgeopt.experiments import (
        contradictions,
        read_best_known,
        read_history,
        read_results,
        summary,
        with_integrals,
    )
    from edgeopt.experiments.display import summary_text
    from edgeopt.experiments.export import export, require_table
    from edgeopt.problems import find_problem

    if output is not None:
        require_writable(output, [file])
        require_table(output)
    if profile is not None:
        require_writable(profile, [file])
        require_picture(profile)
    frame = read_results(file, read_best_known(best_known) if best_known is not None else None)
    if problem is not None:
        frame = frame[frame["problem"] == find_problem(problem).name]
    if frame.empty:
        raise UsageError(f"{file}: there are no such runs")
    frame = with_integrals(frame, read_history(file))
    if output is not None:
        export(frame, output)
    if profile is not None:
        from edgeopt.experiments import performance_profile, plot_profile

        save_figure(plot_profile(performance_profile(frame)).get_figure(), profile)
    say(summary_text(summary(frame)))
    contradicted = contradictions(frame)
    if contradicted:
        raise ProgramError("contradiction: " + "; ".join(contradicted))
    if check:
        _check(file)


def _check(file: Path) -> None:
    """Check the plans; a violation is an error of the program that found them."""
    from edgeopt.experiments import check_results

    count = 0
    for run, report in check_results(file):
        count += 1
        if report.violations:
            raise ProgramError(f"the plan of run {run} fails the check: {report.violations[0]}")
    say(f"{count} plans checked: all are feasible and worth what is stated")

"""`edgeopt results`: the results of a sweep, as a summary, a table file or a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import require_picture, require_writable, save_figure
from edgeopt.cli.terminal import say
from edgeopt.errors import ProgramError, UsageError

if TYPE_CHECKING:
    import pandas as pd


def results(
    file: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file of a sweep.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write all runs as .csv or .parquet.", show_default=False),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the summary, or with --x the study, as .md, .tex, .csv or .parquet.",
            show_default=False,
        ),
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(
            "--x", metavar="COLUMN", help="Show how results depend on a varied key or argument.", show_default=False
        ),
    ] = None,
    y: Annotated[str, typer.Option("--y", metavar="COLUMN", help="With --x: what is measured.")] = "objective",
    by: Annotated[str, typer.Option(metavar="COLUMN", help="With --x: what is compared.")] = "method",
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --x: draw means, intervals over seeds, and the optimum.", show_default=False
        ),
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
        measured_heading,
        pivot,
        plot_study,
        read_best_known,
        read_history,
        read_results,
        study_table,
        summary,
        table_text,
        with_integrals,
        write_table,
    )
    from edgeopt.experiments.display import summary_text
    from edgeopt.experiments.export import export, require_table
    from edgeopt.experiments.tables import TEXTS, require_format, study_caption
    from edgeopt.problems import find_problem

    if output is not None:
        require_writable(output, [file])
        require_table(output)
    for picture in (profile, plot):
        if picture is not None:
            require_writable(picture, [file])
            require_picture(picture)
    if table is not None:
        require_writable(table, [file])
        require_format(table)
    if plot is not None and x is None:
        raise UsageError("--plot draws against a column: name it with --x")
    frame = read_results(file, read_best_known(best_known) if best_known is not None else None)
    if problem is not None:
        frame = frame[frame["problem"] == find_problem(problem).name]
    if frame.empty:
        raise UsageError(f"{file}: there are no such runs")
    study = study_table(frame, x, y, by) if x is not None else None
    caption = study_caption(measured_heading(frame, y)) if study is not None else ""
    frame = with_integrals(frame, read_history(file))
    if output is not None:
        export(frame, output)
    if profile is not None:
        from edgeopt.drawing.picture import figure_of
        from edgeopt.experiments import performance_profile, plot_profile

        save_figure(figure_of(plot_profile(performance_profile(frame))), profile)
    if table is not None:
        shown = pivot(study) if study is not None and table.suffix.lower() in TEXTS else _plain(study, frame)
        write_table(shown, table, caption)
    if plot is not None:
        from edgeopt.drawing.picture import figure_of

        save_figure(figure_of(plot_study(frame, str(x), y, by)), plot)
    say(summary_text(summary(frame)))
    if study is not None:
        say("\n" + table_text(pivot(study), ".md", caption).rstrip())
    contradicted = contradictions(frame)
    if contradicted:
        raise ProgramError("contradiction: " + "; ".join(contradicted))
    if check:
        _check(file)


def _plain(study: pd.DataFrame | None, frame: pd.DataFrame) -> pd.DataFrame:
    from edgeopt.experiments import summary

    return summary(frame) if study is None else study


def _check(file: Path) -> None:
    """Check the plans; a violation is an error of the program that found them."""
    from edgeopt.experiments import check_results

    count = 0
    for run, report in check_results(file):
        count += 1
        if report.violations:
            raise ProgramError(f"the plan of run {run} fails the check: {report.violations[0]}")
    say(f"{count} plans checked: all are feasible and worth what is stated")

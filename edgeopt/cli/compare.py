"""`edgeopt compare`: methods side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeopt.cli.common import (
    AsJson,
    ExitCode,
    Gap,
    InstanceFiles,
    Quiet,
    Seed,
    Threads,
    command_line,
    complain,
    most_serious,
    on_terminal,
    require_writable,
)
from edgeopt.cli.interrupts import keeping_work, postponed
from edgeopt.cli.terminal import say, say_json
from edgeopt.drawing.names import printable
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.comparison import Comparison, ComparisonRow

DEFAULT_LIMIT_S = 60.0


def compare(
    files: InstanceFiles,
    methods: Annotated[
        str | None,
        typer.Option("--methods", "-m", metavar="A,B,...", help="Default: all that fit.", show_default=False),
    ] = None,
    time_limit: Annotated[
        float, typer.Option("--time-limit", "-t", metavar="S", help="Seconds for each method.")
    ] = DEFAULT_LIMIT_S,
    seed: Seed = 0,
    threads: Threads = None,
    gap: Gap = 0.0,
    csv: Annotated[Path | None, typer.Option(metavar="F", help="Write the table as CSV, too.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="F.html", help="Write a report as one HTML page, too.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run several methods on instances: objective, bound, gaps, time and status of each.

    Ctrl-C ends the method that runs with its best solution, and the comparison with it.
    """
    import edgeopt
    from edgeopt.method import find_method

    if csv is not None and csv == report:
        raise UsageError(f"--csv and --report both name {str(csv)!r}; name two files")
    for output, ending in ((csv, ".csv"), (report, ".html")):
        if output is not None:
            require_writable(output, files, [ending])
    instances = [edgeopt.read(file) for file in files]
    chosen = [name.strip() for name in methods.split(",") if name.strip()] if methods is not None else None
    if chosen == []:
        raise UsageError("--methods names no method")
    for instance in instances:
        for name in chosen or ():
            if name != "auto":
                find_method(instance.problem, name)
    comparisons: list[Comparison] = []
    failure: Exception | None = None
    for instance in instances:
        names = chosen or edgeopt.fitting_methods(instance)
        try:
            with keeping_work() if comparisons else nullcontext(), _live(instance.name, names, hidden=quiet) as on_row:
                comparison = edgeopt.compare(
                    instance, names, on_row=on_row, time_limit=time_limit, seed=seed, threads=threads, gap=gap
                )
        except KeyboardInterrupt:
            complain(f"interrupted: {len(instances) - len(comparisons)} files are not compared")
            break
        except Exception as error:  # what is finished is written first
            failure = error
            break
        comparisons.append(comparison)
        if not as_json:
            say(("\n" if len(comparisons) > 1 else "") + str(comparison))
        if comparison.interrupted:
            break
    with postponed():
        if as_json and comparisons:
            _print_json(comparisons, several=len(files) > 1)
        codes = [_exit_code(comparison) for comparison in comparisons]
        for output, write in ((csv, _write_csv), (report, _write_report)):
            if output is not None and comparisons:
                try:
                    write(comparisons, output)
                except OSError as error:
                    complain(f"{str(output)!r} cannot be written: {error.strerror}")
                    codes.append(ExitCode.BAD_INPUT)
    if failure is not None:
        raise failure
    raise typer.Exit(most_serious(codes))


@contextmanager
def _live(instance: str, names: list[str], hidden: bool) -> Iterator[Callable[[ComparisonRow], None]]:
    """Tell each row when it arrives: on a terminal below a line that says what runs, else as a plain line."""
    if hidden:
        yield lambda row: None
        return
    if not on_terminal():
        yield lambda row: say(_line(row), err=True)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        waiting = iter([*names, ""])
        task = bar.add_task(printable(f"{instance}: {next(waiting)}"), total=None)

        def on_row(row: ComparisonRow) -> None:
            bar.console.print(printable(_line(row)), markup=False, highlight=False)
            bar.reset(task, description=printable(f"{instance}: {next(waiting)}"))

        yield on_row


def _line(row: ComparisonRow) -> str:
    from edgeopt.quantities import number, quantity
    from edgeopt.solution import status_text

    if row.solution is None:
        return f"{row.method}: {row.reason}"
    solution = row.solution
    status = status_text(solution.status, solution.stopped)
    time = quantity(solution.runtime_s, "s")
    return f"{row.method}: {number(solution.objective)}, bound {number(solution.bound)}, {time}, {status}"


def _exit_code(comparison: Comparison) -> ExitCode:
    from edgeopt.solution import Status

    if comparison.contradiction is not None or any(row.failed for row in comparison.rows):
        return ExitCode.CHECK_FAILED
    if comparison.best_objective is not None:
        return ExitCode.SOLVED
    proved = any(row.solution is not None and row.solution.status == Status.INFEASIBLE for row in comparison.rows)
    return ExitCode.INFEASIBLE if proved else ExitCode.NO_SOLUTION


def _record(comparison: Comparison) -> dict[str, Any]:
    return {
        "problem": comparison.instance.problem,
        "instance": comparison.instance.name,
        "optimum": comparison.optimum,
        "contradiction": comparison.contradiction,
        "rows": comparison.records(),
    }


def _print_json(comparisons: list[Comparison], several: bool) -> None:
    content = [_record(comparison) for comparison in comparisons]
    say_json(content if several else content[0])


def _write_report(comparisons: list[Comparison], path: Path) -> None:
    from edgeopt.reporting import write_comparison_report

    write_comparison_report(path, comparisons, {"command": command_line()})


def _write_csv(comparisons: list[Comparison], path: Path) -> None:
    from edgeopt.files import write_text
    from edgeopt.layout import csv_text

    records = [
        {"instance": each.instance.name, **record, "contradiction": each.contradiction}
        for each in comparisons
        for record in each.records()
    ]
    headings = list(records[0]) if records else ["instance", "method"]
    write_text(path, csv_text(headings, [list(record.values()) for record in records]))

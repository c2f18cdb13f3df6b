"""`edgeopt whatif`: what other values of an instance's keys would bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import (
    ExitCode,
    Gap,
    Quiet,
    Seed,
    Threads,
    TimeLimit,
    complain,
    on_terminal,
    require_picture,
    require_writable,
    save_figure,
)
from edgeopt.cli.interrupts import postponed
from edgeopt.cli.show import write_table
from edgeopt.cli.terminal import say
from edgeopt.drawing.names import printable
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.sensitivity import WhatIfRow


def whatif(
    instance: Annotated[Path, typer.Argument(metavar="INSTANCE", show_default=False)],
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUES...",
            help="A key's path, with * for any part of a name, and its values: server.memory_bytes=8GB,16GB "
            "users.*.deadline_s=x0.5,x2 bandwidth_hz=+20MHz",
            show_default=False,
        ),
    ],
    method: Annotated[str, typer.Option("--method", "-m", help="A method's name, or auto.")] = "auto",
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    threads: Threads = None,
    gap: Gap = 0.0,
    csv: Annotated[Path | None, typer.Option(metavar="F.csv", help="Write the table as CSV, too.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="F.png", help="Draw objective and bound, too.")] = None,
    quiet: Quiet = False,
) -> None:
    """Solve an instance again with other values of its keys, and say what pays most.

    Each change is made alone; of several keys there is also every combination. A value is a number, a quantity (8GB), a
    factor of what is there (x0.5) or a difference to it (+2GB). Ctrl-C ends it with the rows so far.
    """
    import edgeopt
    from edgeopt.method import find_method
    from edgeopt.sensitivity import number_of_runs

    for output, endings in ((csv, [".csv"]), (plot, [])):
        if output is not None:
            require_writable(output, [instance], endings)
    if plot is not None:
        require_picture(plot)
    asked = parsed_changes(changes)
    given = edgeopt.read(instance)
    if method != "auto":
        find_method(given.problem, method)
    with _live(given.name, number_of_runs(asked), hidden=quiet) as on_row:
        options = {"time_limit": time_limit, "seed": seed, "threads": threads, "gap": gap}
        result = edgeopt.whatif(given, asked, method, on_row=on_row, **options)
    with postponed():
        say(str(result))
        if csv is not None:
            write_table(result.to_frame(), csv)
        if plot is not None:
            save_figure(result.plot(), plot)
            say(f"written to {plot}", err=True)
        if result.interrupted:
            complain("interrupted: not all changes are solved")
    solved = any(row.solution.plan is not None for row in result.rows)
    raise typer.Exit(ExitCode.SOLVED if solved and not result.interrupted else ExitCode.NO_SOLUTION)


def parsed_changes(arguments: list[str]) -> dict[str, list[str | int | float]]:
    """Read ``KEY=VALUE,...``; what is a plain number becomes one.

    Raises
    ------
    UsageError
        One has no key or no value, or a key stands twice.
    """
    changes: dict[str, list[str | int | float]] = {}
    for argument in arguments:
        path, equals, values = argument.partition("=")
        named = [value.strip() for value in values.split(",") if value.strip()]
        if not path or not equals or not named:
            raise UsageError(f"{argument!r} is no change: give KEY=VALUE,VALUE, such as server.memory_bytes=8GB,16GB")
        if path in changes:
            raise UsageError(f"the key {path!r} is given twice; give its values once: {path}=VALUE,VALUE")
        changes[path] = [plain_number(value) for value in named]
    return changes


def plain_number(text: str) -> str | int | float:
    """Return the number that a text is, or the text; a sign before it makes it a difference, and leaves it a text."""
    if text[:1] in "+-":
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@contextmanager
def _live(name: str, runs: int, hidden: bool) -> Iterator[Callable[[WhatIfRow], None]]:
    """Show how many runs are made, on a terminal."""
    if hidden or not on_terminal():
        yield lambda row: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(name), total=runs)
        yield lambda row: bar.advance(task)

"""`edgeopt warmup`: compiles all kernels, so that no later run has to."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeopt.cli.common import Quiet
from edgeopt.cli.interrupts import keeping_work
from edgeopt.cli.terminal import say


def warmup(
    problem: Annotated[
        str | None, typer.Argument(metavar="[PROBLEM]", help="Default: all.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Compile what the methods need, once for each installation, in several processes.

    Each method runs on small instances of every kind. Without this, a method compiles at its first run; no clock counts
    that.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from edgeopt.problems import PROBLEMS, find_problem
    from edgeopt.rehearsal import warm_up

    problems = [find_problem(problem).name] if problem is not None else list(PROBLEMS)
    columns = (TextColumn("compiling"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with keeping_work(), Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None)
        compiled = warm_up(problems, lambda done, total: bar.update(task, completed=done, total=total))
    if not quiet:
        say(f"{compiled} kernels compiled" if compiled else "everything was compiled already")

"""`edgeopt sweep`: all runs of a suite, into one results file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import ExitCode, Quiet, complain, on_terminal, require_writable
from edgeopt.cli.interrupts import keeping_work
from edgeopt.cli.terminal import say
from edgeopt.drawing.names import printable

if TYPE_CHECKING:
    import pandas as pd

    from edgeopt.experiments import SweepProgress


def sweep(
    suite: Annotated[Path, typer.Argument(metavar="SUITE.toml", help="What to run.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Results file; default: SUITE.sqlite.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a results file; finished runs stay.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: make the runs that have failed once more.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Runs at a time here; default: as many as the cores hold.", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Make the runs on a Dask cluster: tcp://HOST:PORT.", show_default=False),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run a suite: instances x methods x seeds, each run in a process of its own, each result kept at once.

    Ctrl-C, or a kill, loses the runs in flight only; --resume makes the rest. Exit codes: 0 all runs are made, 1 some
    are not, 4 some failed or contradict each other.
    """
    from edgeopt.experiments import contradictions, read_results, summary
    from edgeopt.experiments import sweep as run_sweep
    from edgeopt.experiments.display import summary_text

    results = output if output is not None else Path(f"{suite.stem}.sqlite")
    require_writable(results, [suite], [".sqlite"])
    interrupted = False
    try:
        with keeping_work(), live(hidden=quiet) as progress:
            run_sweep(
                suite,
                results,
                resume=resume,
                retry_failed=retry_failed,
                workers=workers,
                scheduler=scheduler,
                progress=progress,
            )
    except KeyboardInterrupt:
        interrupted = True
    if not results.is_file():
        complain("interrupted before the first run")
        raise typer.Exit(ExitCode.NO_SOLUTION)
    frame = read_results(results)
    say(summary_text(summary(frame)))
    contradicted = contradictions(frame)
    for sentence in contradicted:
        complain(f"contradiction: {sentence}")
    if interrupted:
        complain(f"interrupted; continue with: edgeopt sweep {suite} -o {results} --resume")
    raise typer.Exit(ExitCode.CHECK_FAILED if contradicted else _exit_code(frame))


def _exit_code(frame: pd.DataFrame) -> ExitCode:
    if (frame["status"] == "pending").any():
        return ExitCode.NO_SOLUTION
    return ExitCode.CHECK_FAILED if (frame["status"] == "failed").any() else ExitCode.SOLVED


@contextmanager
def live(hidden: bool) -> Iterator[Callable[[SweepProgress], None]]:
    """Tell the progress: on a terminal as a bar, else a plain line for each run."""
    if hidden:
        yield lambda news: None
        return
    if not on_terminal():
        yield lambda news: say(_line(news), err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def progress(news: SweepProgress) -> None:
            if news.record is not None and news.record.status == "failed":
                bar.console.print(printable(_line(news)), markup=False, highlight=False)
            bar.update(task, total=news.requested, completed=news.finished, description=_left(news))

        yield progress


def _left(news: SweepProgress) -> str:
    from edgeopt.experiments.display import duration

    return "" if news.remaining_s is None else f"about {duration(news.remaining_s)} left"


def _line(news: SweepProgress) -> str:
    from edgeopt.quantities import number, quantity
    from edgeopt.solution import status_text

    count = f"{news.finished} of {news.requested}"
    record = news.record
    if record is None:
        return f"{count} runs are made"
    what = f"{count}: {news.instance}, {news.method}, seed {news.seed}"
    if record.status in ("failed", "refused"):
        return f"{what}: {record.status}: {record.error}; {_left(news)}"
    outcome = f"{number(record.objective)}, bound {number(record.bound)}, {quantity(record.wall_s or 0.0, 's')}"
    return f"{what}: {outcome}, {status_text(record.status, record.stopped)}; {_left(news)}"

"""`edgeopt compare`: methods side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
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
    complain,
    most_serious,
    on_terminal,
    require_picture,
    require_writable,
)
from edgeopt.cli.compare_outputs import draw, exit_code, show, write_csv, write_report
from edgeopt.cli.interrupts import keeping_work, postponed
from edgeopt.cli.terminal import say
from edgeopt.drawing.names import printable
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.comparing import Compared
    from edgeopt.comparison import ComparisonRow
    from edgeopt.instance import Instance

DEFAULT_LIMIT_S = 60.0
MOST_SEEDS = 10_000


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
    seeds: Annotated[
        str | None,
        typer.Option(metavar="0,1,...", help="Several seeds, such as 0,1,2 or 0-4.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Comparisons at a time, which share the cores.", show_default=False),
    ] = None,
    threads: Threads = None,
    gap: Gap = 0.0,
    csv: Annotated[Path | None, typer.Option(metavar="F", help="Write the table as CSV, too.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="F.html", help="Write a report as one HTML page, too.")] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="F", help="Draw objectives and bounds, or the gaps of several.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run several methods on instances: objective, bound, gaps, time and status of each.

    With several seeds or workers there is one table of mean gaps. Ctrl-C ends the method that runs with its best
    solution, and the comparison with it.
    """
    import edgeopt
    from edgeopt.method import find_method

    _check_outputs(files, csv, report, plot)
    numbers = None if seeds is None else _numbers(seeds)
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1, not {workers}")
    instances = [edgeopt.read(file) for file in files]
    chosen = [name.strip() for name in methods.split(",") if name.strip()] if methods is not None else None
    if chosen == []:
        raise UsageError("--methods names no method")
    for instance in instances:
        for name in chosen or ():
            if name != "auto":
                find_method(instance.problem, name)
    options = {"time_limit": time_limit, "threads": threads, "gap": gap}
    cases: list[Compared] = []
    failure: Exception | None = None
    runs = _one_by_one if workers is None else partial(_side_by_side, workers=workers)
    try:
        for case in runs(instances, chosen, [seed] if numbers is None else numbers, options, quiet):
            cases.append(case)
            if numbers is None and workers is None and not as_json:
                say(("\n" if len(cases) > 1 else "") + str(case.comparison))
    except Exception as error:  # what is finished is written first
        failure = error
    several = numbers is not None or workers is not None
    with postponed():
        show(cases, several=several or len(files) > 1, summed=several, as_json=as_json)
        codes = [exit_code(case.comparison) for case in cases]
        for output, write in ((csv, write_csv), (report, write_report), (plot, draw)):
            if output is not None and cases:
                try:
                    write(cases, output)
                except OSError as error:
                    complain(f"{str(output)!r} cannot be written: {error.strerror}")
                    codes.append(ExitCode.BAD_INPUT)
    if failure is not None:
        raise failure
    raise typer.Exit(most_serious(codes))


def _check_outputs(files: list[Path], csv: Path | None, report: Path | None, plot: Path | None) -> None:
    """Find the faults of outputs before the first run."""
    if csv is not None and csv == report:
        raise UsageError(f"--csv and --report both name {str(csv)!r}; name two files")
    for output, endings in ((csv, [".csv"]), (report, [".html"]), (plot, [])):
        if output is not None:
            require_writable(output, files, endings)
    if plot is not None:
        require_picture(plot)


def _numbers(seeds: str) -> list[int]:
    """Return the seeds that a text such as ``0,1,5-9`` names."""
    found: list[int] = []
    for part in seeds.split(","):
        first, to, last = part.strip().partition("-")
        if not first.isdecimal() or (to and not last.isdecimal()) or (to and int(last) < int(first)):
            raise UsageError(f"--seeds takes whole numbers such as 0,1,2 or 0-4, not {seeds!r}")
        if to and int(last) - int(first) >= MOST_SEEDS:
            raise UsageError(f"--seeds {seeds} are too many: at most {MOST_SEEDS}")
        found += range(int(first), int(last if to else first) + 1)
    return list(dict.fromkeys(found))


def _one_by_one(
    instances: list[Instance],
    methods: list[str] | None,
    seeds: list[int],
    options: dict[str, Any],
    quiet: bool,
) -> Iterator[Compared]:
    """Compare instance after instance, seed after seed, and show each row as it comes."""
    import edgeopt
    from edgeopt.comparing import Compared

    cases = [(instance, seed) for instance in instances for seed in seeds]
    for number, (instance, seed) in enumerate(cases):
        names = methods or edgeopt.fitting_methods(instance)
        title = instance.name if len(seeds) == 1 else f"{instance.name}, seed {seed}"
        try:
            with keeping_work() if number else nullcontext(), _live(title, names, hidden=quiet) as on_row:
                comparison = edgeopt.compare(instance, names, on_row=on_row, seed=seed, **options)
        except KeyboardInterrupt:
            complain(f"interrupted: {len(cases) - number} {'files' if len(seeds) == 1 else 'cases'} are not compared")
            return
        yield Compared({}, seed, comparison)
        if comparison.interrupted:
            return


def _side_by_side(
    instances: list[Instance],
    methods: list[str] | None,
    seeds: list[int],
    options: dict[str, Any],
    quiet: bool,
    workers: int,
) -> Iterator[Compared]:
    """Compare in processes, and tell each case as it comes; finished ones are not lost when a process fails."""
    import edgeopt

    total = len(instances) * len(seeds)
    done: list[Compared] = []

    def tell(case: Compared) -> None:
        done.append(case)
        if not quiet:
            instance, best = case.comparison.instance, case.comparison.best_objective
            say(f"{len(done)} of {total}: {instance.name}, seed {case.seed}: best {best}", err=True)

    try:
        result = edgeopt.compare(instances, methods, seeds=seeds, workers=workers, on_case=tell, **options)
    except Exception:
        yield from done
        raise
    if len(result.cases) < total:
        complain(f"interrupted: {total - len(result.cases)} cases are not compared")
    yield from result.cases


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

"""`edgeopt bench`: suites run and compared with the best known values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import ExitCode, Quiet, complain, require_writable
from edgeopt.cli.interrupts import keeping_work
from edgeopt.cli.sweep import live
from edgeopt.cli.terminal import say

if TYPE_CHECKING:
    from edgeopt.experiments.best_known_file import BestKnownComparison


def bench(
    suites: Annotated[list[Path], typer.Argument(metavar="SUITE.toml", help="What to run.", show_default=False)],
    best_known: Annotated[
        Path, typer.Option(metavar="FILE", help="The file of best known values; it need not be there yet.")
    ] = Path("instances/best_known.json"),
    update: Annotated[
        bool, typer.Option("--update", help="Take over what is new, better or tighter, after checking every plan.")
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Results file of the sweep.")] = Path(
        "bench.sqlite"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Continue a results file; finished runs stay.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Runs at a time; default: as many as the cores hold.", show_default=False),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run suites and compare the best of each instance with the best known value and bound.

    Exit codes: 0 all runs are made, 1 some are not, 4 some failed, or plans and bounds contradict each other.
    """
    from edgeopt.experiments import read_results
    from edgeopt.experiments import sweep as run_sweep
    from edgeopt.experiments.best_known_file import BestKnownFile, compare_with_known, improved
    from edgeopt.experiments.suite import Suite
    from edgeopt.experiments.suite_runs import requested

    known = BestKnownFile.read(best_known)
    require_writable(output, suites, [".sqlite"])
    if update:
        require_writable(best_known, suites, [".json"])
    for suite in suites:
        requested(Suite.read(suite))  # faults of the last one are told before the first run
    interrupted = False
    try:
        for position, suite in enumerate(suites):
            with keeping_work(), live(hidden=quiet) as progress:
                run_sweep(suite, output, resume=resume or position > 0, workers=workers, progress=progress)
    except KeyboardInterrupt:
        interrupted = True
        complain(f"interrupted; continue with --resume -o {output}")
    if not output.is_file():
        raise typer.Exit(ExitCode.NO_SOLUTION)
    frame = read_results(output)
    compared = compare_with_known(frame, known)
    say(_table(compared))
    pending = int((frame["status"] == "pending").sum())
    if pending:
        say(f"{pending} of {len(frame)} runs are not made", err=True)
    if update:
        newer = improved(output, frame, known)
        changed = sum(known.instances.get(name) != entry for name, entry in newer.instances.items())
        if changed:
            newer.write(best_known)
        say(f"{changed} of {len(newer.instances)} entries of {best_known} are new or better", err=True)
    contradicted = any(comparison.verdict == "contradiction" for comparison in compared)
    if contradicted or (frame["status"] == "failed").any():
        raise typer.Exit(ExitCode.CHECK_FAILED)
    raise typer.Exit(ExitCode.NO_SOLUTION if interrupted or pending else ExitCode.SOLVED)


def _table(compared: list[BestKnownComparison]) -> str:
    from edgeopt.layout import aligned
    from edgeopt.quantities import number, percent
    from edgeopt.solution import relative_gap

    headings = ["instance", "best known", "its bound", "found", "bound", "gap", "to best known", "verdict"]
    rows = [
        [
            row.name,
            number(row.known.objective if row.known else None),
            number(row.known.bound if row.known else None),
            number(row.objective),
            number(row.bound),
            percent(relative_gap(row.objective, row.bound)),
            percent(relative_gap(row.known.objective if row.known else None, row.objective)),
            row.verdict,
        ]
        for row in sorted(compared, key=lambda row: row.name)
    ]
    return "\n".join(aligned(headings, rows, range(1, 7)))

"""`edgeopt online`: policies that learn service times while they pull and serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import (
    AsJson,
    Quiet,
    complain,
    on_terminal,
    require_picture,
    require_writable,
    save_figure,
)
from edgeopt.cli.interrupts import keeping_work
from edgeopt.cli.terminal import say
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.pulling.instance import PullingInstance
    from edgeopt.pulling.online import Study
    from edgeopt.solution import Plan


def online(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An instance of pulling.", show_default=False)],
    policies: Annotated[
        str | None, typer.Option("--policies", "-p", metavar="A,B,...", help="Default: all.", show_default=False)
    ] = None,
    placement: Annotated[
        Path | None,
        typer.Option(metavar="SOL", help="Solution whose pulled blocks are placed; default: fill the cloudlets."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each run.")] = 2000,
    arrivals: Annotated[int, typer.Option(min=1, help="Arrivals in each round.")] = 10,
    slots: Annotated[int, typer.Option(min=0, help="Arrivals that a cloudlet serves in a round.")] = 2,
    distractors: Annotated[int, typer.Option(min=0, help="Features of an arrival that have no influence.")] = 3,
    seeds: Annotated[int, typer.Option(min=1, help="Runs: seeds 0, 1, ...")] = 5,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="F.csv", help="Write the regret curves as CSV.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(metavar="F.png", help="Draw the regret curves.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run online policies on the same arrivals and tell their regret against the best assignments.

    Ctrl-C ends the run with the seeds that are complete.
    """
    from edgeopt.pulling.online import run_study

    inputs = [file, *([placement] if placement is not None else [])]
    if output is not None:
        require_writable(output, inputs, [".csv"])
    if figure is not None:
        require_writable(figure, inputs)
        require_picture(figure)
    instance = _pulling(file)
    plan = None if placement is None else _plan(placement, instance)
    names = [name.strip() for name in policies.split(",") if name.strip()] if policies is not None else None
    if names == []:
        raise UsageError("--policies names no policy")
    with keeping_work(), _shown_progress(rounds * seeds, rounds, hidden=quiet) as on_round:
        study = run_study(
            instance,
            names,
            placement=plan,
            rounds=rounds,
            arrivals=arrivals,
            slots=slots,
            distractors=distractors,
            seeds=seeds,
            on_round=on_round,
        )
    if len(study.seeds) < seeds:
        complain(f"interrupted: {len(study.seeds)} of {seeds} seeds are complete")
    say(study.summary().to_json(orient="index") if as_json else _table(study))
    if output is not None:
        from edgeopt.experiments.export import export

        export(study.to_frame(), output)
    if figure is not None:
        from edgeopt.pulling.online.figure import plot_regret

        save_figure(plot_regret(study), figure)


def _pulling(file: Path) -> PullingInstance:
    import edgeopt
    from edgeopt.pulling.instance import PullingInstance

    instance = edgeopt.read(file)
    if not isinstance(instance, PullingInstance):
        raise UsageError(f"{str(file)!r} is an instance of {instance.problem}; online policies are for pulling")
    return instance


def _plan(file: Path, instance: PullingInstance) -> Plan:
    import edgeopt
    from edgeopt.solution import Solution

    plan = Solution.read(file).plan
    report = edgeopt.check(instance, plan)
    if plan is None or not report.feasible:
        raise UsageError(f"{str(file)!r} is no feasible plan of {instance.name!r}: {report.violations[0]}")
    return plan


def _table(study: Study) -> str:
    from edgeopt.layout import aligned

    headings = ["policy", "regret (s)", "95 % +-", "exponent", "largest", "delay over best"]
    rows = [
        [
            str(name),
            f"{row.regret_s:.4g}",
            "-" if row.half_width_s != row.half_width_s else f"{row.half_width_s:.3g}",
            f"{row.exponent:.2f}",
            f"{row.largest_exponent:.2f}",
            f"{row.delay_over_best - 1:+.1%}",
        ]
        for name, row in study.summary().sort_values("regret_s").iterrows()
    ]
    arrivals = f"{study.name}: regret after {study.rounds[-1]} rounds, mean of {len(study.seeds)} seeds"
    return "\n".join([arrivals, "", *aligned(headings, rows, right=range(1, 6))])


@contextmanager
def _shown_progress(total: int, rounds: int, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Show rounds done and the time left on a terminal."""
    if hidden or not on_terminal():
        yield lambda seed, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rounds", total=total)
        yield lambda seed, done: bar.update(task, description=f"seed {seed}", completed=seed * rounds + done)

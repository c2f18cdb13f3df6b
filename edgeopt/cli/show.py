"""`edgeopt show`: a solution's plan as a table, and who is not served and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import ExitCode, facts_text, require_writable, solution_with_instance
from edgeopt.cli.terminal import say

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 40


def show(
    file: Annotated[Path, typer.Argument(metavar="SOLUTION", help="Solution file.", show_default=False)],
    instance: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The solution's instance, when the solution does not tell.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="F.csv", help="Write the table as CSV, too: all rows.")] = None,
    every: Annotated[bool, typer.Option("--all", help=f"Show all rows, not only {SHOWN_ROWS} of each part.")] = False,
) -> None:
    """Show a plan as a table (who, where, when, with what), then who is not served and why.

    Of an infeasible instance it shows who keeps it from having a plan.
    """
    from edgeopt.cli.plan_text import plan_table, plan_text
    from edgeopt.solution import Status

    if csv is not None:
        require_writable(csv, [file, *([instance] if instance is not None else [])], [".csv"])
    solution = solution_with_instance(file, instance)
    say(facts_text({solution.problem: solution.instance, **solution.facts()}))
    if solution.plan is None and solution.status != Status.INFEASIBLE:
        say("\nthere is no plan to show")
        raise typer.Exit(ExitCode.NO_SOLUTION)
    frame = plan_table(solution)
    text = plan_text(frame, None if every else SHOWN_ROWS, f"edgeopt show {file} --all")
    if text:
        say(f"\n{text}")
    if csv is not None:
        write_table(frame, csv)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV and say so."""
    from edgeopt.experiments.export import export

    export(frame, path)
    say(f"written to {path}", err=True)

"""`edgeopt check`: the referee's word on a solution file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeopt.cli.common import ExitCode
from edgeopt.cli.terminal import say


def check(
    instance: Annotated[Path, typer.Argument(metavar="INSTANCE", show_default=False)],
    solution: Annotated[Path, typer.Argument(metavar="SOLUTION", show_default=False)],
) -> None:
    """Score a solution's plan anew and list everything that it breaks or states wrongly."""
    import edgeopt
    from edgeopt.quantities import amount, number

    stated = edgeopt.Solution.read(solution)
    problem = edgeopt.read(instance)
    report = edgeopt.check(problem, stated)
    for violation in report.violations:
        say(f"violated: {violation}")
    if report.violations:
        raise typer.Exit(ExitCode.CHECK_FAILED)
    if stated.plan is None:
        say(f"there is no plan ({stated.status}); bound {amount(stated.bound, problem.conventions.unit)}")
        raise typer.Exit(ExitCode.NO_SOLUTION)
    unit = problem.conventions.unit
    say(f"feasible: {amount(report.objective, unit)}, bound {number(stated.bound)}, as the solution states")

"""`edgeopt report`: the results of a sweep as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeopt.cli.common import command_line, require_writable
from edgeopt.cli.terminal import say


def report(
    file: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file of a sweep.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="F.html", help="The page to write.", show_default=False)
    ],
    best_known: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Best known values, as JSON.", show_default=False)
    ] = None,
) -> None:
    """Write a report of a sweep: methods, profiles, instances and runs on one HTML page that needs no network.

    The sweep may still be running.
    """
    from edgeopt.experiments import read_best_known
    from edgeopt.reporting import write_sweep_report

    require_writable(output, [file, *([best_known] if best_known is not None else [])], [".html"])
    known = read_best_known(best_known) if best_known is not None else None
    write_sweep_report(output, file, best_known=known, facts={"command": command_line()})
    say(f"written to {output}", err=True)

"""`edgeopt plot`: a picture of a solution, or of what a library shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeopt.cli.common import read_any, require_picture, require_writable, save_figure, solution_with_instance
from edgeopt.cli.terminal import say


def plot(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A solution, an instance or a library.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="F.png", help="Picture file: png, pdf, svg.", show_default=False)
    ],
    instance: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The solution's instance, when the solution does not tell.")
    ] = None,
) -> None:
    """Draw a solution's plan, or the sharing structure of a library or of an instance's library."""
    from edgeopt.libraries.library import ModelLibrary
    from edgeopt.solution import Solution

    require_writable(output, [file, *([instance] if instance is not None else [])])
    require_picture(output)
    content = read_any(file)
    if isinstance(content, Solution):
        figure = solution_with_instance(file, instance).plot()
    else:
        from edgeopt.libraries.figure import plot_sharing

        figure = plot_sharing(content if isinstance(content, ModelLibrary) else content.library)
    save_figure(figure, output)
    say(f"written to {output}", err=True)

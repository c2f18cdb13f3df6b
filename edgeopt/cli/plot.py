"""`edgeopt plot`: a picture of a solution, or of what a library shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import read_any, require_picture, require_writable, save_figure
from edgeopt.cli.terminal import say
from edgeopt.errors import InputError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from edgeopt.solution import Solution


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
        figure = _plan_figure(content, file, instance)
    else:
        from edgeopt.libraries.figure import plot_sharing

        figure = plot_sharing(content if isinstance(content, ModelLibrary) else content.library)
    save_figure(figure, output)
    say(f"written to {output}", err=True)


def _plan_figure(solution: Solution, file: Path, given: Path | None) -> Figure:
    import edgeopt

    if given is None and solution.instance_path is None:
        raise UsageError(f"{str(file)!r} does not tell where its instance is; name it with --instance")
    source = given if given is not None else file.parent / str(solution.instance_path)
    try:
        return solution.of(edgeopt.read(source)).plot()
    except InputError as error:
        raise error.located(file) from None

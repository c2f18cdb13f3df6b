"""`edgeopt generate`: instances drawn at random, of realistic size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import Seed, relative_path, require_writable

if TYPE_CHECKING:
    from edgeopt.instance import Instance

generate_app = typer.Typer(
    help="Draw an instance at random: over a library of yours, or over a drawn one.", no_args_is_help=True
)

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Instance file.", show_default=False)]
LibraryFile = Annotated[
    Path | None, typer.Option(metavar="F", help="Library file to use instead of drawing one.", show_default=False)
]
Sharing = Annotated[
    str,
    typer.Option(help="How the models of a drawn library share: random, dense, grid, tree, backbone, interval, ..."),
]


@generate_app.command()
def loading(
    output: Output,
    sharing: Sharing = "random",
    models: Annotated[int, typer.Option(help="Models of a drawn library.")] = 60,
    users: Annotated[int, typer.Option(help="Users.")] = 600,
    library: LibraryFile = None,
    deadlines: Annotated[str, typer.Option(help="common, or individual ones.")] = "common",
    deadline_s: Annotated[
        float | None, typer.Option("--deadline", metavar="S", help="Seconds; default: by the fraction to be served.")
    ] = None,
    served_fraction: Annotated[float, typer.Option(help="About this part of the users can be served.")] = 0.5,
    uploads: Annotated[str, typer.Option(help="What users send: image, prompt or features.")] = "image",
    seed: Seed = 0,
) -> None:
    """Draw an instance of `loading`: users of models on one GPU, with uploads and deadlines."""
    from edgeopt.library import ModelLibrary
    from edgeopt.loading.generator import generate

    require_writable(output, [library] if library is not None else [])
    instance = generate(
        sharing,
        models,
        users,
        seed,
        ModelLibrary.read(library) if library is not None else None,
        deadlines=deadlines,  # type: ignore[arg-type]  # the generator checks it
        deadline_s=deadline_s,
        served_fraction=served_fraction,
        uploads=uploads,  # type: ignore[arg-type]
        name=output.stem,
    )
    _write(instance, output, library)


def _write(instance: Instance, output: Path, library: Path | None) -> None:
    """Write the instance; a library that was given stays a file of its own."""
    instance.write(output, relative_path(library, output.parent) if library is not None else None)
    typer.echo(f"written to {output}", err=True)

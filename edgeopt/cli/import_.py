"""`edgeopt import`: other people's file formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import require_writable
from edgeopt.cli.terminal import say
from edgeopt.errors import UsageError, suggestion

if TYPE_CHECKING:
    from edgeopt.instance import Instance

# Format: the problem whose room reads it, in `importers.READERS`.
FORMATS = {"hashcode": "pulling", "facility-location": "pulling", "sukp": "placement"}


def import_(
    file_format: Annotated[
        str, typer.Argument(metavar="FORMAT", help=f"{', '.join(sorted(FORMATS))}.", show_default=False)
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Instance file.", show_default=False)],
) -> None:
    """Turn a file of another format into an instance."""
    from edgeopt.problems import find_problem

    if file_format not in FORMATS:
        raise UsageError(f"there is no format {file_format!r}; {suggestion(file_format, list(FORMATS))}")
    require_writable(output, [file], [".json"])
    reader = find_problem(FORMATS[file_format]).part("importers").READERS[file_format]
    instance: Instance = reader(file)
    instance.write(output)
    say(f"written to {output}", err=True)

"""`edgeopt schema`: the file formats as JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeopt.cli.terminal import say_json


def schema(
    kind: Annotated[
        str, typer.Argument(metavar="PROBLEM|library|solution|machine|suite|prices|best-known", show_default=False)
    ],
) -> None:
    """Print the JSON Schema of a problem's instances or of another file.

    The other files are libraries, solutions, the facts of machines, suites of sweeps (their TOML), prices of policies,
    and best known values.
    """
    from edgeopt.schema import file_schema

    say_json(file_schema(kind), indent=2)

"""`edgeopt schema`: the file formats as JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    kind: Annotated[str, typer.Argument(metavar="PROBLEM|library|solution", show_default=False)],
) -> None:
    """Print the JSON Schema of a problem's instances, of libraries or of solutions."""
    import json

    from edgeopt.schema import file_schema

    typer.echo(json.dumps(file_schema(kind), indent=2, ensure_ascii=False))

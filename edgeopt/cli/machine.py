"""`edgeopt machine`: what is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeopt.cli.common import AsJson, require_writable
from edgeopt.cli.terminal import say, say_json


def machine(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...", help="Stores of models; default: those that are known here.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File of the facts.", show_default=False)
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="Memory of a GPU that no program tells of: 24GB.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell the GPUs, the disks under the stores of models, and how fast one file is read; nothing is changed."""
    from edgeopt.machine.facts import look
    from edgeopt.quantities import size_bytes

    if output is not None:
        require_writable(output, paths or [], [".json"])
    found = look(paths or (), None if memory is None else size_bytes(memory))
    if output is not None:
        found.machine.write(output)
    if as_json:
        say_json(found.machine.to_dict(), indent=2)
    else:
        rows = [(gpu.name, str(gpu)) for gpu in found.machine.gpus] + [("disk", str(d)) for d in found.machine.disks]
        for name, text in rows:
            say(f"{name:<5}  {text}")
    for notice in found.notices:
        say(notice, err=True)
    if output is not None:
        say(f"written to {output}", err=True)

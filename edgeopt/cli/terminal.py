"""Messages of the program, on any terminal."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

import typer

from edgeopt.drawing.names import printable


def say(text: str, err: bool = False) -> None:
    """Write a line on standard output, or on standard error."""
    typer.echo(printable(text), err=err)


def say_json(content: Any, indent: int | None = None) -> None:
    """Write JSON on standard output, in ASCII: valid whatever the terminal's encoding is."""
    typer.echo(json.dumps(content, indent=indent, allow_nan=False))


def write_any_character() -> None:
    """Let standard output and error escape what their encoding does not have, and take what is written when closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

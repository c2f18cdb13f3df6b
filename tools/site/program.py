"""The page of the command line, from the program itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from edgeopt.cli.application import app

PAGE = "reference/cli.md"
OPENING = """# Command line

This page lists all verbs. Each takes `--help`, and ends with one of the [exit codes](conventions.md#exit-codes).
"""


def program_pages() -> Iterator[tuple[str, str, str]]:
    """Yield the page: place in the site, place from which its links count, content."""
    command = typer.main.get_command(app)
    yield PAGE, f"docs/{PAGE}", "\n".join([OPENING, *described(command, typer.Context(command, info_name="edgeopt"))])


def described(command: Any, context: Any) -> Iterator[str]:
    """Describe a command and those in it."""
    verbs = command.list_commands(context) if hasattr(command, "list_commands") else []
    if context.parent is not None:
        yield f"{'#' * (context.command_path.count(' ') + 1)} {context.command_path}\n"
        yield f"{plain(command.help or '')}\n"
        yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
        rows = [row for parameter in command.get_params(context) for row in parameter_rows(parameter, context)]
        yield from ("| argument, option | meaning |\n| --- | --- |", *rows, "") if rows else ()
    for verb in verbs:
        inner = command.get_command(context, verb)
        if inner is not None:
            yield from described(inner, typer.Context(inner, info_name=verb, parent=context))


def parameter_rows(parameter: Any, context: Any) -> Iterator[str]:
    """Describe an argument or option in a row."""
    record = parameter.get_help_record(context)
    if record is not None and "--help" not in record[0]:
        name, meaning = record
        yield f"| `{name.replace('|', ' or ')}` | {plain(meaning)} |"


def plain(text: str) -> str:
    """Return a text as a cell of a table can hold it."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

"""Help in which options without a value show none."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class _PlainFlags:
    """Typer writes the type of a flag, ``<bool>``, as if a value could be given."""

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params


class Command(_PlainFlags, TyperCommand):
    """A verb."""


class CommandGroup(_PlainFlags, TyperGroup):
    """Verbs under one name."""

"""HTML and SVG from Python, escaped wherever text comes in."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = {"br", "hr", "img", "input", "link", "meta"}

Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is HTML already, and is not escaped again."""


def tag(name: str, *children: str | None, **attributes: Attribute) -> Markup:
    """Return an element; children that are not `Markup` are escaped, None is left out.

    Attributes are named with underscores (``data_value``, ``class_``); None and False are left out, True stands alone.
    """
    start = f"<{name}{_attributes(attributes)}>"
    return Markup(start) if name in VOID else Markup(f"{start}{join(children)}</{name}>")


def join(parts: Iterable[str | None], between: str = "") -> Markup:
    """Return the parts one after the other, each escaped unless it is `Markup`."""
    return Markup(escape(between).join(text(part) for part in parts if part is not None))


def text(part: str) -> Markup:
    """Return the part as it may stand in HTML."""
    return part if isinstance(part, Markup) else Markup(escape(part))


def _attributes(attributes: dict[str, Attribute]) -> str:
    written = []
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {name}")
        elif value is not None and value is not False:
            written.append(f' {name}="{escape(_plain(value))}"')
    return "".join(written)


def _plain(value: str | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)

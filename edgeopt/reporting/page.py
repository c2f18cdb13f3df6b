"""A whole page: one file with its style and script, which asks nothing of a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from string import Template

from edgeopt.drawing.palette import NAMES, ON_DARK
from edgeopt.reporting.markup import Markup, tag, text
from edgeopt.versions import installed_version


def page(title: str, content: Markup) -> str:
    """Return an HTML page around its content.

    Only the script whose hash the page's own security policy names can run in it, and nothing can be loaded.
    """
    script = "\n" + _part("page.js")
    return Template(_part("page.html")).substitute(
        title=text(title),
        content=content,
        version=text(installed_version("edgeopt")),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=_colours() + _part("page.css"),
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


def card(heading: str, *content: str | None, note: str = "", class_: str = "card") -> Markup:
    """Return a part of the page in a box, under its heading and a line that says how to read it."""
    return tag("section", tag("h2", heading), tag("p", note, class_="quiet") if note else None, *content, class_=class_)


def facts_list(facts: Mapping[str, str]) -> Markup:
    """Return named facts in two columns."""
    return tag(
        "dl", *(part for name, fact in facts.items() for part in (tag("dt", name), tag("dd", fact))), class_="facts"
    )


def tile(name: str, figure: str, small: str = "") -> Markup:
    """Return one figure that matters, with its name and what belongs to it."""
    return tag(
        "div",
        tag("dt", name),
        tag("dd", figure, class_="figure"),
        tag("dd", small, class_="small") if small else None,
        class_="tile",
    )


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _colours() -> str:
    pairs = (f"  --{name}: light-dark({code}, {ON_DARK[name]});\n" for name, code in NAMES.items())
    return f":root {{\n{''.join(pairs)}}}\n"

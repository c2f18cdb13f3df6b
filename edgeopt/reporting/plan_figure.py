"""A matplotlib figure as inline SVG that follows the page's light or dark colours."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from edgeopt.drawing.palette import NAMES
from edgeopt.reporting.markup import Markup, tag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
LINK = "{http://www.w3.org/1999/xlink}href"
LARGEST = 400_000  # characters; a larger picture has its many shapes as pixels
PIXELS_PER_INCH = 130
VARIABLES = {
    "#ffffff": "var(--paper)",
    "#000000": "var(--ink)",
    **{code.lower(): f"var(--{name})" for name, code in NAMES.items()},
}
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what a name may hold, but not XML
DROPPED = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}


def inline_svg(draw: Callable[[], Figure], identifier: str, title: str, description: str) -> Markup:
    """Return a figure as an SVG element with a title and description, ids of its own, and the page's colours.

    Parameters
    ----------
    draw : callable
        Makes the figure; names in it are taken as they are, dollar signs too.
    identifier : str
        Unique on the page; every id of the picture begins with it.
    title, description : str
        For those who do not see the picture.
    """
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgeopt", "text.parse_math": False}):
        root = ElementTree.fromstring(_source(draw()))
    for element in root.iter():
        for child in [child for child in element if child.tag in DROPPED]:
            element.remove(child)
        _adapt(element, identifier)
    content = "".join(ElementTree.tostring(child, encoding="unicode") for child in root)
    return tag(
        "svg",
        tag("title", title, id=f"{identifier}-title"),
        tag("desc", description, id=f"{identifier}-desc"),
        Markup(content),
        viewBox=root.get("viewBox"),
        class_="plan",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
    )


def _source(figure: Figure) -> str:
    """Return the figure as an SVG file; the shapes of a large one are drawn as pixels."""
    source = _saved(figure)
    if len(source) > LARGEST:
        for axes in figure.axes:
            for artist in (*axes.collections, *axes.patches, *axes.lines):
                artist.set_rasterized(True)
        source = _saved(figure)
    return CONTROL.sub("", source)


def _saved(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, dpi=PIXELS_PER_INCH, metadata={"Date": None})
    return buffer.getvalue()


def _adapt(element: ElementTree.Element, identifier: str) -> None:
    """Leave out the namespace, which HTML needs not, make ids unique on the page, and use its colours."""
    element.tag = element.tag.removeprefix(f"{{{SVG}}}")
    for key, value in list(element.attrib.items()):
        if key == "id":
            element.set(key, f"{identifier}-{value}")
        elif key == LINK:
            del element.attrib[key]
            element.set("href", f"#{identifier}-{value[1:]}" if value.startswith("#") else value)
        elif key in ("style", "fill", "stroke", "clip-path"):
            element.set(key, _coloured(value.replace("url(#", f"url(#{identifier}-")))


def _coloured(style: str) -> str:
    variables = re.sub(r"#[0-9a-fA-F]{6}\b", lambda code: VARIABLES.get(code[0].lower(), code[0]), style)
    return re.sub(r"font-family: [^;]*", "font-family: inherit", variables)

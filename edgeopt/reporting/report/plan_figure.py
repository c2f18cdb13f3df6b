"""A matplotlib figure as inline SVG that follows the page's light or dark colours."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from edgeopt.reporting.palette import NAMES
from edgeopt.reporting.report.markup import Markup, tag

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
DROPPED = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}


def inline_svg(figure: Figure, identifier: str, title: str, description: str) -> Markup:
    """Return a figure as an SVG element with a title and description, ids of its own, and the page's colours.

    Parameters
    ----------
    figure : matplotlib Figure
    identifier : str
        Unique on the page; every id of the picture begins with it.
    title, description : str
        For those who do not see the picture.
    """
    source = _drawn(figure)
    if len(source) > LARGEST:
        for axes in figure.axes:
            for artist in (*axes.collections, *axes.patches, *axes.lines):
                artist.set_rasterized(True)
        source = _drawn(figure)
    root = ElementTree.fromstring(source)
    for parent in root.iter():
        for child in [child for child in parent if child.tag in DROPPED]:
            parent.remove(child)
        _adapt(parent, identifier)
    content = "".join(ElementTree.tostring(child, encoding="unicode") for child in root)
    return tag(
        "svg",
        tag("title", title, id=f"{identifier}-title"),
        tag("desc", description, id=f"{identifier}-desc"),
        Markup(_plain_names(content)),
        viewBox=root.get("viewBox"),
        class_="plan",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
    )


def _drawn(figure: Figure) -> str:
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgeopt"}):
        figure.savefig(buffer, format="svg", transparent=True, dpi=PIXELS_PER_INCH, metadata={"Date": None})
    return buffer.getvalue()


def _adapt(element: ElementTree.Element, identifier: str) -> None:
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


def _plain_names(content: str) -> str:
    """Drop the namespaces, which HTML neither needs nor knows."""
    return re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", content).replace("<ns0:", "<").replace("</ns0:", "</")

"""LaTeX in pages becomes MathML, which browsers draw without a script and without a network; a hook of mkdocs."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.S)
DISPLAYED = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.S)


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:
    """Replace the formulas that the Markdown extension has marked; those on own lines get a box that scrolls."""
    content = INLINE.sub(lambda match: drawn(match[1], "inline"), content)
    return DISPLAYED.sub(lambda match: f'<div class="arithmatex">{drawn(match[1], "block")}</div>', content)


def drawn(formula: str, display: str) -> str:
    """Return a formula as MathML.

    Raises
    ------
    ValueError
        A command of LaTeX is left, which readers would see.
    """
    formula = html.unescape(formula).strip()
    result = convert(formula, display=display)
    if "\\" in result:
        raise ValueError(f"a command of this formula is not understood: {formula}")
    return result

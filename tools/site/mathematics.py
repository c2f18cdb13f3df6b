"""LaTeX in pages becomes MathML, which browsers draw without a script and without a network; a hook of mkdocs."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.S)
DISPLAYED = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.S)


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:
    """Replace the formulas that the Markdown extension has marked."""
    content = INLINE.sub(lambda match: convert(html.unescape(match[1])), content)
    return DISPLAYED.sub(lambda match: convert(html.unescape(match[1]).strip(), display="block"), content)

"""Names in any script: a figure's texts take fonts that have their characters, and escape what no font has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from edgeopt.drawing.names import escaped

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# Looked through first, since many fonts have a few characters of a script; then all that are installed.
PREFERRED = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans CJK KR",
    "Noto Sans JP",
    "Noto Sans SC",
    "Source Han Sans",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "IPAexGothic",
    "Arial Unicode MS",
    "Noto Sans",
)


def make_legible(figure: Figure) -> None:
    """Give the texts of a figure further fonts where the usual one lacks characters, and escape what all lack."""
    from matplotlib import rcParams

    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    texts = list(_texts(figure, axes))
    lacking = lacked({character for text in texts for character in text.get_text() if not character.isascii()})
    if not lacking:
        return
    families, left = further_families(lacking)
    for text in texts:
        if not lacking.isdisjoint(text.get_text()):
            text.set_fontfamily([*rcParams["font.family"], *families])
            text.set_text(_without(text.get_text(), left))
    for axis in axes:
        labels = [label.get_text() for label in axis.get_ticklabels()]
        if not left.isdisjoint("".join(labels)):
            axis.set_ticklabels([_without(label, left) for label in labels])


def lacked(characters: Iterable[str]) -> set[str]:
    """Return those characters that the usual font does not have."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    usual = get_font(findfont(FontProperties()))
    return {character for character in characters if not usual.get_char_index(ord(character))}


def further_families(characters: set[str]) -> tuple[list[str], set[str]]:
    """Return installed fonts that have some of the characters, few if possible, and the characters that none has."""
    from matplotlib.font_manager import get_font

    families, left = [], set(characters)
    for family, path in _installed():
        if not left:
            break
        font = get_font(path)
        held = {character for character in left if font.get_char_index(ord(character))}
        if held:
            families.append(family)
            left -= held
    return families, left


def _installed() -> list[tuple[str, str]]:
    """Return the family and file of each installed font that is upright and of usual weight, preferred ones first."""
    from matplotlib.font_manager import fontManager

    fonts = {
        font.name: font.fname
        for font in fontManager.ttflist
        if font.style == "normal" and font.weight in (400, "normal", "regular") and not font.name.startswith("Last")
    }
    names = [name for name in PREFERRED if name in fonts]
    return [(name, fonts[name]) for name in [*names, *sorted(set(fonts) - set(names))]]


def _texts(figure: Figure, axes: Sequence[Axis]) -> Iterator[Text]:
    from matplotlib.text import Text

    for axis in axes:
        axis.get_ticklabels()  # they get their texts now
    for found in figure.findobj(Text):
        if isinstance(found, Text):
            yield found


def _without(text: str, left: set[str]) -> str:
    return "".join(escaped(character) if character in left else character for character in text)

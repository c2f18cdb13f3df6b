"""Figures with names in any script: fonts that have the characters, or escapes; no boxes, no warnings."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pytest
from matplotlib import rc_context
from matplotlib.font_manager import FontProperties, findfont, get_font

from edgeopt.drawing import fonts
from edgeopt.drawing.names import in_figure
from edgeopt.drawing.picture import Picture
from edgeopt.reporting.plan_figure import inline_svg


def named(name: str) -> Picture:
    """Draw a name everywhere a figure of edgeopt has names."""
    figure = Picture(layout="constrained")
    ax = figure.add_subplot()
    ax.barh([0, 1], [1, 2], label=f"legend {name}")
    ax.set_yticks([0, 1], [f"tick {name}", "plain"])
    ax.set_title(f"title {name}")
    ax.text(0.1, 0, f"text {name}")
    ax.legend()
    return figure


def drawn(figure: Picture) -> str:
    """Save the figure as a picture and as text, with warnings as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
        buffer = io.StringIO()
        with rc_context({"svg.fonttype": "none"}):
            figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def test_characters_that_no_font_has_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_installed", list)
    text = drawn(named("日本 é"))
    for place in ("legend", "tick", "title", "text"):
        assert rf"{place} \u65e5\u672c é" in text
    assert "plain" in text


def test_characters_that_another_font_has_are_drawn_with_it() -> None:
    usual = set(get_font(findfont(FontProperties())).get_charmap())
    others = {name: set(get_font(path).get_charmap()) for name, path in fonts._installed()}
    family, code = next((name, min(codes - usual)) for name, codes in others.items() if codes - usual)
    assert fonts.lacked({chr(code), "a"}) == {chr(code)}
    families, left = fonts.further_families({chr(code)})
    assert not left
    assert len(families) == 1
    assert code in others[families[0]]
    text = drawn(named(chr(code)))
    assert f"tick {chr(code)}" in text
    assert families[0] in text
    assert family in others


def test_preferred_fonts_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    last = fonts._installed()[-1][0]
    monkeypatch.setattr(fonts, "PREFERRED", ("not installed", last))
    names = [name for name, _ in fonts._installed()]
    assert names[0] == last
    assert len(names) == len(set(names))


def test_a_page_leaves_the_fonts_to_its_reader() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "tick 日本" in inline_svg(lambda: named("日本"), "p", "title", "description")


def test_a_page_shows_dollar_signs_without_backslashes() -> None:
    assert r"tick $\alpha^2$<" in inline_svg(lambda: named(in_figure(r"$\alpha^2$")), "p", "title", "description")
    assert r"tick $\alpha^2$<" in drawn(named(in_figure(r"$\alpha^2$")))


def test_a_figure_of_usual_names_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def never() -> list[tuple[str, str]]:
        raise AssertionError

    monkeypatch.setattr(fonts, "_installed", never)
    named("é σ").savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000

"""The report in a real browser: it opens in silence, sorts, filters, shows its figures, and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeopt.reporting import write_comparison_report, write_sweep_report
from tests.reporting.browser import Browser, headless_browser
from tests.reporting.comparisons import HOSTILE, RUNS, hostile, shipped
from tests.reporting.sweeps import write_results

pytestmark = pytest.mark.slow

PAGES = [*RUNS, "hostile", "several", "sweep"]
HEADINGS = "return [...arguments[0].tHead.rows[0].cells].map(cell => cell.textContent)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_browser() as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of each problem, one of hostile names, and one of several instances."""
    folder = tmp_path_factory.mktemp("reports")
    comparisons = {problem: [shipped(problem)] for problem in RUNS}
    comparisons |= {"hostile": [hostile()], "several": [shipped(problem) for problem in RUNS]}
    for name, compared in comparisons.items():
        write_comparison_report(folder / f"{name}.html", compared, {"command": f"edgeopt compare {HOSTILE}"})
    write_results(folder / "results.sqlite")
    write_sweep_report(folder / "sweep.html", folder / "results.sqlite", facts={"command": HOSTILE})
    return {name: folder / f"{name}.html" for name in PAGES}


def methods_table(browser: Browser) -> Any:
    return browser.run("return document.querySelector('table[id$=methods]')")


def column(browser: Browser, heading: str) -> list[str]:
    """Texts of the rows that are shown, in their order."""
    table = methods_table(browser)
    index = browser.run(HEADINGS, table).index(heading)
    rows = "[...arguments[0].tBodies[0].rows].filter(row => row.offsetHeight > 0)"
    return list(browser.run(f"return {rows}.map(row => row.cells[arguments[1]].textContent)", table, index))


def press(browser: Browser, heading: str, key: str | None = None) -> str:
    """Click a heading, or press a key on it; returns how it says that it is sorted."""
    table = methods_table(browser)
    index = browser.run(HEADINGS, table).index(heading)
    button = browser.run("return arguments[0].tHead.rows[0].cells[arguments[1]].querySelector('button')", table, index)
    if key is None:
        button.click()
    else:
        button.send_keys(key)
    return str(browser.run("return arguments[0].closest('th').ariaSort", button))


def test_the_browser_notices_what_a_page_does_wrong(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "wrong.html"
    page.write_text("<!DOCTYPE html><img src='http://127.0.0.1:9/missing.png'><script>console.error('no')</script>")
    browser.open(page)
    messages, requests = browser.noticed()
    assert any("no" in message for message in messages)
    assert requests == [page.as_uri(), "http://127.0.0.1:9/missing.png"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_opens_without_messages_and_asks_for_nothing(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    browser.open(pages[name], scheme=scheme)
    browser.run("for (const closed of document.querySelectorAll('details')) closed.open = true")
    browser.run("for (const button of document.querySelectorAll('button')) button.click()")
    messages, requests = browser.noticed()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [pages[name].as_uri()]
    browser.run("localStorage.clear()")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 375])
def test_figures_show_and_nothing_is_wider_than_the_window(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    browser.open(pages[name], width)
    figures = browser.run(
        """return [...document.querySelectorAll('svg[role=img]')].map(picture => {
            const marks = [...picture.querySelectorAll('circle, path, rect, use, image')];
            const sizes = marks.map(mark => mark.getBoundingClientRect());
            const box = picture.getBoundingClientRect();
            return [box.width, box.height, sizes.filter(size => size.width + size.height > 0).length];
        })"""
    )
    assert len(figures) >= 3
    assert all(wide > 100 and high > 50 and marks > 0 for wide, high, marks in figures)
    page, window = browser.run("const root = document.documentElement; return [root.scrollWidth, root.clientWidth]")
    assert page == window <= width


def test_wide_tables_scroll_in_their_box(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["loading"], 375)
    box = browser.run("return arguments[0].parentNode", methods_table(browser))
    assert browser.run("return arguments[0].scrollWidth > arguments[0].clientWidth", box)
    browser.run("arguments[0].scrollLeft = 1000", box)
    name = "arguments[0].querySelector('tbody th').getBoundingClientRect().left"
    assert browser.run(f"return {name} - arguments[0].getBoundingClientRect().left", box) == pytest.approx(0, abs=1)


def test_headings_sort_by_value_and_what_is_missing_stays_last(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["loading"])
    assert press(browser, "users") == "ascending"
    rising = column(browser, "users")
    assert rising[-1] == "-"
    assert [int(text) for text in rising[:-1]] == sorted(int(text) for text in rising[:-1])
    assert press(browser, "users") == "descending"
    assert column(browser, "users") == [*reversed(rising[:-1]), "-"]
    assert press(browser, "method") == "ascending"
    assert column(browser, "method") == ["bound", "exact", "greedy", "random"]
    sorted_by = browser.run(
        "return [...arguments[0].tHead.rows[0].cells].map(cell => cell.ariaSort)", methods_table(browser)
    )
    assert [state for state in sorted_by if state != "none"] == ["ascending"]


def test_times_sort_as_seconds_not_as_text(browser: Browser, tmp_path: Path) -> None:
    seconds = {"exact": 0.9, "greedy": 10.5, "random": 2e-5, "bound": 0.003}
    rows = [
        replace(row, solution=row.solution and row.solution.model_copy(update={"runtime_s": seconds[row.method]}))
        for row in shipped("loading").rows
    ]
    write_comparison_report(tmp_path / "times.html", [replace(shipped("loading"), rows=rows)])
    browser.open(tmp_path / "times.html")
    press(browser, "time")
    assert column(browser, "time") == ["20 µs", "3 ms", "900 ms", "10.5 s"]


@pytest.mark.parametrize("key", ["\ue007", " "], ids=["enter", "space"])
def test_headings_sort_from_the_keyboard(browser: Browser, pages: dict[str, Path], key: str) -> None:
    browser.open(pages["placement"])
    assert press(browser, "time", key) == "ascending"


def test_rows_are_filtered_by_text_and_status(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["loading"])
    controls = "document.querySelector('.controls')"
    field = browser.run(f"return {controls}.querySelector('input')")
    chooser = browser.run(f"return {controls}.querySelector('select')")
    count = f"return {controls}.querySelector('.count').textContent"
    assert browser.run(count) == "4 rows"
    field.send_keys("BASELINE")
    assert column(browser, "method") == ["random"]
    assert browser.run(count) == "1 of 4 rows"
    field.clear()
    field.send_keys("e ex")
    assert column(browser, "method") == ["exact"]
    field.clear()
    field.send_keys("\ue003")
    choose = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    browser.run(choose, chooser, "optimal")
    assert set(column(browser, "method")) == {"exact"}
    field.send_keys("nothing of this kind")
    assert column(browser, "method") == []
    assert browser.run(count) == "0 of 4 rows"


def test_runs_of_a_sweep_are_filtered_and_sorted(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["sweep"])
    box = "document.getElementById('loading-runs').closest('.table')"
    browser.run(
        f"""const chooser = {box}.querySelector('select');
        chooser.value = 'failed'; chooser.dispatchEvent(new Event('input'));"""
    )
    shown = (
        f"return [...{box}.querySelectorAll('tbody tr')].filter(row => !row.hidden).map(row => row.cells[1].innerText)"
    )
    assert browser.run(shown) == ["tree"]
    browser.run(f"{box}.querySelector('select').value = ''; {box}.querySelector('input').value = 'hard'")
    browser.run(f"{box}.querySelector('input').dispatchEvent(new Event('input'))")
    browser.run(f"[...{box}.querySelectorAll('thead button')].find(each => each.innerText === 'time').click()")
    assert browser.run(shown) == ["tree", "greedy", "exact"]


def luminance(colour: list[float]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2, definition)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colours(browser: Browser, selector: str) -> tuple[float, float]:
    """Luminance of the text of an element and of what is behind it."""
    found = browser.run(
        """const painted = (code) => {
            const context = document.createElement('canvas').getContext('2d');
            context.fillStyle = code; context.fillRect(0, 0, 1, 1);
            return [...context.getImageData(0, 0, 1, 1).data];
        };
        const element = document.querySelector(arguments[0]);
        const style = getComputedStyle(element);
        const text = painted(element.closest('svg') ? style.fill : style.color);
        let behind = element;
        while (behind && painted(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
        return [text, painted(getComputedStyle(behind).backgroundColor)];""",
        selector,
    )
    text, behind = ([part / 255 for part in colour[:3]] for colour in found)
    return luminance(text), luminance(behind)


TEXTS = [
    "h1",
    ".eyebrow",
    ".verdict",
    "thead button",
    "tbody td",
    "tbody th",
    ".rows-chart .label",
    ".rows-chart .tick",
]


@pytest.mark.parametrize("selector", [*TEXTS, ".count", "dl.facts dt", "summary", "footer", "svg.plan text"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(browser: Browser, pages: dict[str, Path], scheme: str, selector: str) -> None:
    browser.open(pages["placement"], scheme=scheme)
    text, behind = colours(browser, selector)
    assert (behind > 0.8) == (scheme == "light")
    darker, lighter = sorted((text, behind))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_reader_chooses_light_or_dark_and_it_lasts(browser: Browser, pages: dict[str, Path]) -> None:
    choose = "document.querySelector(`.theme button[data-theme='${arguments[0]}']`).click()"
    browser.open(pages["placement"], scheme="light")
    for wanted, dark in (("dark", True), ("light", False), ("dark", True)):
        browser.run(choose, wanted)
        assert (colours(browser, "h1")[1] < 0.2) == dark
    browser.open(pages["placement"], scheme="light")
    assert colours(browser, "h1")[1] < 0.2
    pressed = "return document.querySelector('.theme [aria-pressed=true]').textContent"
    assert browser.run(pressed) == "dark"
    browser.run(choose, "")
    assert colours(browser, "h1")[1] > 0.8
    assert browser.run(pressed) == "as system"


def test_names_full_of_markup_are_only_text(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"])
    assert browser.run("return document.querySelector('h1').textContent") == f"name {HOSTILE}"
    assert browser.run("return document.querySelectorAll('img').length") == 0
    assert browser.run("return document.querySelectorAll('script').length") == 1
    assert f"method {HOSTILE}" in column(browser, "method")
    picture = browser.run("return document.querySelector('svg.plan').textContent")
    assert HOSTILE in picture


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique_and_every_reference_leads_somewhere(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name])
    ids = browser.run("return [...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    wanted = browser.run(
        """const named = ['aria-labelledby', 'aria-controls', 'aria-describedby'];
        const all = [...document.querySelectorAll('*')];
        const listed = all.flatMap(element => named.flatMap(name => (element.getAttribute(name) ?? '').split(/\\s+/)));
        const linked = all.map(element => element.getAttribute('href') ?? '').filter(link => link.startsWith('#'));
        const painted = all.flatMap(element => [...element.attributes].flatMap(
            attribute => [...attribute.value.matchAll(/url\\(#([^)]+)\\)/g)].map(match => match[1])));
        return [...listed, ...linked.map(link => link.slice(1)), ...painted].filter(id => id !== '');"""
    )
    assert set(wanted) <= set(ids)
    assert len(wanted) > 10
    unnamed = browser.run(
        "return [...document.querySelectorAll('button, input, select, svg[role=img]')]"
        ".filter(one => !(one.textContent.trim() || one.ariaLabel)).length"
    )
    assert unnamed == 0


def test_without_a_script_everything_is_there(browser: Browser, pages: dict[str, Path]) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(pages["loading"])
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(column(browser, "method")) == 4
    assert browser.run("return document.querySelector('.controls').offsetHeight") == 0
    assert browser.run("return document.querySelector('.theme').offsetHeight") == 0

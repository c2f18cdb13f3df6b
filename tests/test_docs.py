"""The examples of the README and the docs run, and their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import matplotlib
import pytest

from tests.cli.program import run

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "models/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DRAWN = ROOT / "docs/tutorials"  # their code runs, and draws their figures, when the site is made
LONG = {"caching", "density-theorem", "experiments", "reading-a-plan"}  # their code takes a second or more
MADE = ("reference/", "gallery/")  # folders of the site with pages that are made with it
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
VARYING = re.compile(r"(< )?\d[\d.,]*( (ns|µs|ms|s|%))?|-{3,}")


def blocks(page: Path, language: str) -> list[str]:
    return [code for found, code in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which the examples see the shipped instances, and may write."""
    (tmp_path / "instances").symlink_to(ROOT / "instances", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=[pytest.mark.slow] if page.stem in LONG else [])
        for page in PAGES
        if page.parent != DRAWN and blocks(page, "python")
    ],
)
def test_python_examples_run(page: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {"__name__": "example"}
    for number, code in enumerate(blocks(page, "python")):
        exec(compile(code, f"{name(page)}, python block {number}", "exec"), namespace)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=name)
def test_command_lines_print_what_the_page_shows(page: Path, workplace: Path) -> None:
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, *shown = part.splitlines()
            program, *arguments = shlex.split(command, comments=True)
            assert program == "edgeopt"
            code, out, err = run(*arguments)
            assert code == 0, err
            said = {masked(line) for line in (out + err).splitlines()}
            assert [line for line in shown if masked(line) not in said] == [], out + err


def masked(line: str) -> str:
    """The line without figures, which differ from machine to machine."""
    return " ".join(VARYING.sub("#", line).split())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = [target for target in LINK.findall(text) if "://" not in target and not is_made(page, target, text)]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_figures_of_the_readme_are_those_of_its_page() -> None:
    figure = re.compile(r"\d+\.\d ± \d+\.\d")
    shown = figure.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    measured = (ROOT / "benchmarks/loading/results/streams.md").read_text(encoding="utf-8")
    assert len(shown) == 10
    assert set(shown) <= set(figure.findall(measured))


def is_made(page: Path, target: str, text: str) -> bool:
    """Whether a link leads to what is made with the site, which checks its own links."""
    place = (page.parent / target).resolve()
    if not place.is_relative_to(ROOT / "docs"):
        return False
    return place.relative_to(ROOT / "docs").as_posix().startswith(MADE) or f'savefig("{target}"' in text

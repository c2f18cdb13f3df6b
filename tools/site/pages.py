"""The pages of the site that do not stand in docs/: READMEs, benchmark pages, notebooks with outputs, file formats.

A hook of mkdocs. Links between files of the repository become links between pages; a link to a file that has no page
becomes a link to the repository where one is configured, and plain text else.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent)]

from best_known import best_known_pages  # noqa: E402
from formats import format_pages  # noqa: E402
from gallery import gallery_pages  # noqa: E402
from generators import generator_pages  # noqa: E402
from mkdocs.structure.files import File  # noqa: E402
from program import program_pages  # noqa: E402
from results import results_pages  # noqa: E402
from tutorials import tutorial_figures  # noqa: E402

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
OUTSIDE = {
    "README.md": "readme.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "models/README.md": "models.md",
    "instances/README.md": "instances.md",
    "benchmarks/README.md": "benchmarks/index.md",
}
PICTURES = (".png", ".svg")
TOGETHER = re.compile(r"(?<=\d) (?=[±%])|(?<=±) (?=\d)")  # a figure and what belongs to it


def outside_pages() -> Iterator[tuple[str, str]]:
    """Yield files of the repository that are pages of the site, and where they stand there."""
    for name, page in OUTSIDE.items():
        if (ROOT / name).exists():
            yield name, page
    for path in sorted((ROOT / "benchmarks").glob("*/results/*")):
        if path.suffix in (".md", *PICTURES):
            room, _, name = path.relative_to(ROOT / "benchmarks").parts
            yield path.relative_to(ROOT).as_posix(), f"benchmarks/{room}/{name}"


def generated_pages() -> Iterator[tuple[str, str, str | bytes]]:
    """Yield pages: place in the site, place in the repository from which links count, content."""
    yield from program_pages()
    yield from format_pages()
    yield from results_pages()
    yield from best_known_pages(ROOT)
    yield from generator_pages()
    yield from tutorial_figures(ROOT)
    yield from gallery_pages(ROOT / "notebooks")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages; later steps need to know from which file of the repository each comes."""
    origin = {file.src_uri: f"docs/{file.src_uri}" for file in files}
    for source, page in outside_pages():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
        origin[page] = source
    for page, source, content in generated_pages():
        files.append(File.generated(config, page, content=content))
        origin[page] = source
    config.extra["origin"] = origin
    config.extra["page_of"] = {source: page for page, source in origin.items()}
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links between files of the repository into links between pages, and keep figures in one line."""
    if page.file.src_uri == "index.md" or is_result(page, config):
        page.meta["hide"] = ["navigation", "toc"]  # they are empty, and wide tables need the room
    if is_result(page, config):
        page.meta["search"] = {"boost": 0.5}  # pages that explain a word come before those that count something
    origin, page_of = config.extra["origin"], config.extra["page_of"]
    folder = posixpath.dirname(origin[page.file.src_uri])
    here = posixpath.dirname(page.file.src_uri)

    def linked(match: re.Match[str]) -> str:
        picture, text, target, anchor = match[1], match[2], match[3], match[4] or ""
        if not target or ":" in target:
            return match[0]
        source = posixpath.normpath(posixpath.join(folder, target))
        if source in page_of:
            return f"{picture}[{text}]({posixpath.relpath(page_of[source], here or '.')}{anchor})"
        if not (ROOT / source).exists():
            return match[0]  # mkdocs complains of it
        if config.repo_url:
            return f"[{text}]({config.repo_url}/blob/main/{source}{anchor})"
        return text if "`" in text else f"{text} (`{source}`)" if text != source else f"`{source}`"

    return "".join(
        part if part.startswith("```") else TOGETHER.sub("\u00a0", LINK.sub(linked, part))
        for part in re.split(r"(^```.*?^```)", markdown, flags=re.S | re.M)
    )


def is_result(page: Any, config: Any) -> bool:
    """Say whether a page is a result of a benchmark, which no navigation lists."""
    return "/results/" in config.extra["origin"][page.file.src_uri]

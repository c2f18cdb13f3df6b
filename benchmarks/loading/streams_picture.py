"""A picture of two rows of the page `results/streams.md`: shipped practice beside what sharing and order gain."""

from __future__ import annotations

import json
import re
from pathlib import Path

from edgeopt.drawing.palette import BLUE, GREY, INK, ORANGE
from edgeopt.drawing.picture import Picture

PAGE = Path(__file__).parent / "results" / "streams.md"
PICTURE = PAGE.with_suffix(".png")
STREAMS = {
    "language models: llama-lora": "llama-lora, A5000, capacity",
    "vision and language: vision-language": "vision-language, A5000, capacity",
}
SHOWN = {
    "lru-models": ("what servers ship: whole models,\nthe least recently used leaves", GREY),
    "density-unshared": ("whole models, most served per second", GREY),
    "lru-blocks": ("shared blocks, most urgent first", ORANGE),
    "density": ("shared blocks, most served per second", ORANGE),
    "rolling": ("shared blocks, eight batches ahead", BLUE),
}


def rows_of(page: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """Read the first table of the page: mean and half of the interval, in percent, by stream and policy."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    policies = [cell.strip() for cell in lines[0].strip("|").split("|")[1:]]
    rows = {}
    for line in lines[2:]:
        stream, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        found = [re.fullmatch(r"([\d.]+) ± ([\d.]+)", cell) for cell in cells]
        if not all(found):
            break  # the next table
        rows[stream] = {
            policy: (float(match[1]), float(match[2])) for policy, match in zip(policies, found, strict=True) if match
        }
    return rows


def drawn_rows(page: Path = PAGE) -> dict[str, dict[str, tuple[float, float]]]:
    """Return those rows of the page, and of them those policies, that are drawn."""
    rows = rows_of(page)
    return {title: {policy: rows[stream][policy] for policy in SHOWN} for title, stream in STREAMS.items()}


def draw(rows: dict[str, dict[str, tuple[float, float]]]) -> Picture:
    """Draw the percent of requests that each policy answers in time, with 95 % intervals."""
    figure = Picture(figsize=(9.2, 2.5), layout="constrained")
    figure.suptitle("Answered in time, % of 9,655 requests in an hour for 60 models on one GPU of 24 GB", fontsize=10.5)
    for ax, (title, row) in zip(figure.subplots(1, len(rows), sharey=True), rows.items(), strict=True):
        means, halves = zip(*row.values(), strict=True)
        names, colours = zip(*SHOWN.values(), strict=True)
        ax.barh(names, means, xerr=halves, color=colours, height=0.72, error_kw={"lw": 1})
        for place, (mean, colour) in enumerate(zip(means, colours, strict=True)):
            ink = "white" if colour == BLUE else INK
            ax.text(2, place, f"{mean:.0f}", va="center", color=ink, fontweight="bold")
        ax.set(xlim=(0, 100), xticks=[], ylim=(len(SHOWN) - 0.5, -0.5))
        ax.set_title(title, fontsize=9.5)
        ax.tick_params(left=False, labelsize=9.5)
        ax.spines[:].set_visible(False)
    return figure


def main() -> None:
    """Draw the picture beside the page; the file says which figures it shows, for a test to compare."""
    rows = drawn_rows()
    draw(rows).savefig(PICTURE, dpi=180, metadata={"Description": json.dumps(rows), "Software": None})


if __name__ == "__main__":
    main()

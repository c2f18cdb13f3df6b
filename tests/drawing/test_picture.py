"""Every figure draws into axes that are given, and one helper finds the figure of axes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from edgeopt.drawing.picture import axes_in, figure_of

PACKAGE = Path(__file__).parents[2] / "edgeopt"


def plots() -> Iterator[tuple[Path, ast.FunctionDef]]:
    """Yield all functions of the package that plot, with their files."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "def plot" in text else ():
            if isinstance(node, ast.FunctionDef) and (node.name == "plot" or node.name.startswith("plot_")):
                yield path, node


def test_every_plot_takes_axes() -> None:
    found = [(path, node) for path, node in plots() if path.parent.name != "cli"]
    assert len(found) > 15
    lacking = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path, node in found
        if "ax" not in [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
    ]
    assert not lacking


def test_the_figure_of_axes_is_found_in_one_place() -> None:
    found = [path for path in PACKAGE.rglob("*.py") if "get_figure(" in path.read_text()]
    assert [path.name for path in found] == ["picture.py"]


def test_axes_in_a_part_of_a_figure_know_the_whole_figure() -> None:
    figure = Figure()
    ax = figure.subfigures(1, 2)[1].subplots()
    assert figure_of(ax) is figure
    assert axes_in(ax, 1, 1) is ax
    assert figure_of(axes_in(None, 3.0, 2.0)).get_size_inches().tolist() == [3.0, 2.0]

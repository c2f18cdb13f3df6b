"""Figures that need no global state."""

from __future__ import annotations

import io
import warnings
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeopt.drawing.fonts import make_legible


class Picture(Figure):
    """A figure that shows itself in a notebook without pyplot or a backend, and names in any script."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save the figure; see `matplotlib.figure.Figure.savefig`.

        Characters that the usual font lacks are taken from others that are installed, or escaped. An SVG file whose
        text is left to the viewer has all as they are.
        """
        if options.get("format") == "svg" and rcParams["svg.fonttype"] == "none":
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Glyph .* missing from font")
                super().savefig(fname, **options)
            return
        make_legible(self)
        super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def figure_of(ax: Axes) -> Figure:
    """Return the figure in which axes are, where they are in a part of it too."""
    figure: Any = ax.get_figure(root=True)
    found: Figure = figure
    return found


def axes_in(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the axes that are given, or those of a new figure of so many inches."""
    return Picture(figsize=(width, height), layout="constrained").subplots() if ax is None else ax

"""Figures that need no global state."""

from __future__ import annotations

import io
import warnings
from typing import Any

from matplotlib import rcParams
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

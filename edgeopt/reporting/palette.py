"""Colours that colour-blind readers and grey prints keep apart (Okabe and Ito, 2008)."""

from __future__ import annotations

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PALE = "#D9D9D9"
GREY = "#999999"
INK = "#333333"

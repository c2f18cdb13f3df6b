"""Colours that colour-blind readers and grey prints keep apart (Okabe and Ito, 2008)."""

from __future__ import annotations

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
PALE = "#D9D9D9"
GREY = "#999999"
INK = "#333333"

NAMES = {
    "blue": BLUE,
    "orange": ORANGE,
    "green": GREEN,
    "vermilion": VERMILION,
    "purple": PURPLE,
    "pale": PALE,
    "grey": GREY,
    "ink": INK,
}

ON_DARK = {
    "blue": "#56B4E9",
    "orange": "#F0B429",
    "green": "#34C79A",
    "vermilion": "#FF8552",
    "purple": "#E29CC4",
    "pale": "#3D454E",
    "grey": "#8B949E",
    "ink": "#D7DCE1",
}

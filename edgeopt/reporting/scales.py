"""Axes: where a value stands between 0 and 1, and which values are marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil, floor, inf, isclose, isfinite, log10

from edgeopt.quantities import quantity

PADDING = 0.04  # of an axis, at each end
FAR = 5.0  # values so many times farther from the anchor than most are cut
MOST = 0.6  # the part of the values that counts as most
NEAR = 1e-5  # relative; what is nearer to the anchor is not distinguished from it
LEAST = 1e-300  # nor what is nearer than this
LOPSIDED = 25.0


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes
    ----------
    low, high : float
        The values at its ends.
    logarithmic : bool
    ticks : list of (float, str)
        Marked values with their texts.
    """

    low: float
    high: float
    logarithmic: bool
    ticks: list[tuple[float, str]]

    def position(self, value: float) -> float:
        """Return where a value stands, 0 at the low end and 1 at the high end; what is beyond an end stands at it."""
        measure: Callable[[float], float] = log10 if self.logarithmic else float
        held = min(max(value, self.low), self.high)
        return (measure(held) - measure(self.low)) / (measure(self.high) - measure(self.low))

    def beyond(self, value: float) -> int:
        """Return -1 or 1 when a value is beyond the low or the high end, else 0."""
        return int(value > self.high) - int(value < self.low)


def linear_scale(
    values: Iterable[float], anchor: float | None = None, ticks: int = 4, lopsided: float = LOPSIDED
) -> Scale:
    """Make an axis for values; those far beyond the others, seen from the anchor, are cut.

    Parameters
    ----------
    values : iterable of float
    anchor : float, optional
        The value of interest, such as the optimum; always on the axis.
    ticks : int
        At most so many marks.
    lopsided : float
        One side of the anchor is at most so many times as long as the other.
    """
    low, high = _window(list(values), anchor, lopsided)
    step = _nice_step((high - low) / ticks)
    decimals = next((places for places in range(15) if isclose(round(step, places), step)), 15)
    count = floor(high / step) - ceil(low / step) + 1
    marked = [(ceil(low / step) + index) * step for index in range(count)]
    return Scale(low, high, False, [(value, _tick_text(value, decimals)) for value in marked])


def _window(values: list[float], anchor: float | None, lopsided: float) -> tuple[float, float]:
    centre = anchor if anchor is not None else sorted(values)[len(values) // 2]
    least = max(NEAR * abs(centre), LEAST)
    under = [centre - value for value in values if centre - value > least]
    over = [value - centre for value in values if value - centre > least]
    below, above = _reach(under), _reach(over)
    if not below and not above:
        below = above = abs(centre) * 0.05 if abs(centre) > 20 * LEAST else 1.0
    elif below and above:
        below, above = _reach(under, lopsided * above), _reach(over, lopsided * below)
    padding = PADDING * (below + above)
    return centre - below - padding, centre + above + padding


def _reach(distances: list[float], most: float = inf) -> float:
    """Return how far an axis goes to one side of its anchor: to the farthest value not far beyond most others."""
    if not distances:
        return 0.0
    limit = min(most, FAR * sorted(distances)[int(MOST * (len(distances) - 1))])
    return max((distance for distance in distances if distance <= limit), default=limit)


def _nice_step(least: float) -> float:
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))


def _tick_text(value: float, decimals: int) -> str:
    if abs(value) >= 1e7:
        return f"{value:.4g}"
    return f"{value + 0.0:.{decimals}f}"


def time_scale(seconds: Iterable[float], most: int = 5) -> Scale:
    """Make a logarithmic axis for times in seconds, marked at most so often."""
    positive = [value for value in seconds if value > 0 and isfinite(value)] or [1.0]
    low, high = min(positive) / 1.3, max(positive) * 1.3
    if high / low < 10:
        middle = (low * high) ** 0.5
        low, high = min(low, middle / 10**0.5), max(high, middle * 10**0.5)
    marked = next(marks for marks in _time_marks(low, high) if len(marks) <= most)
    return Scale(low, high, True, [(value, quantity(value, "s")) for value in marked])


def _time_marks(low: float, high: float) -> Iterator[list[float]]:
    """Return the marks of a logarithmic axis, the most first: 1, 2, 5, 10; powers of ten; every second power; ..."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    steps = [float(f"{factor}e{power}") for power in powers for factor in (1, 2, 5)]
    yield [value for value in steps if low <= value <= high]
    for every in range(1, len(powers) + 1):
        tens = [float(f"1e{power}") for power in powers if power % every == 0]
        yield [value for value in tens if low <= value <= high]

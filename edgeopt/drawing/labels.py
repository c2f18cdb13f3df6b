"""Labels that do not cover each other: along an axis, and around points."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence

DISTANCE = 6.0  # covered area that a label accepts for being a point nearer to its mark
Box = tuple[float, float, float, float]  # left, bottom, right, top


def apart(places: Sequence[float], weights: Sequence[float], distance: float) -> list[int]:
    """Return the numbers of places that keep a distance from each other, chosen by weight, in the order of the places.

    Parameters
    ----------
    places : list of float
        In increasing order.
    weights : list of float
        Of two that are too close the heavier one stays, the first of equals.
    distance : float
    """
    kept: list[float] = []
    chosen = []
    for number in sorted(range(len(places)), key=lambda number: (-weights[number], number)):
        at = bisect(kept, places[number])
        near = [kept[neighbour] for neighbour in (at - 1, at) if 0 <= neighbour < len(kept)]
        if all(abs(places[number] - other) >= distance for other in near):
            kept.insert(at, places[number])
            chosen.append(number)
    return sorted(chosen)


def place_labels(
    points: Sequence[tuple[float, float]],
    radii: Sequence[float],
    sizes: Sequence[tuple[float, float]],
    gap: float = 3.0,
    others: Sequence[Box] = (),
    within: Box | None = None,
) -> list[tuple[float, float]]:
    """Return the centre of each label, beside its point, where it covers other labels and points least.

    All lengths are in points of the picture.

    Parameters
    ----------
    points : list of (float, float)
    radii : list of float
        Of the marks at the points.
    sizes : list of (float, float)
        Width and height of the labels; first come, first served.
    gap : float
        Between a mark and its label.
    others : list of Box
        What labels should not cover either.
    within : Box, optional
        Labels stay in it, where they are smaller.
    """
    marks = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(points, radii, strict=True)]
    taken: list[Box] = []
    centres = []
    for (x, y), radius, (width, height) in zip(points, radii, sizes, strict=True):
        options = [_held(each, width, height, within) for each in _around(x, y, radius + gap, width, height)]

        def cost(
            centre: tuple[float, float],
            point: tuple[float, float] = (x, y),
            half: tuple[float, float] = (width / 2, height / 2),
        ) -> float:
            box = (centre[0] - half[0], centre[1] - half[1], centre[0] + half[0], centre[1] + half[1])
            covered = sum(3 * _overlap(box, each) for each in taken)
            covered += sum(_overlap(box, each) for each in [*marks, *others])
            return covered + DISTANCE * _distance(box, point)

        best = min(options, key=cost)
        centres.append(best)
        taken.append((best[0] - width / 2, best[1] - height / 2, best[0] + width / 2, best[1] + height / 2))
    return centres


def _held(centre: tuple[float, float], width: float, height: float, within: Box | None) -> tuple[float, float]:
    """Return the centre of a label, moved as far as it has to be to stay in a box."""
    if within is None:
        return centre
    left, bottom, right, top = within
    x = max(min(centre[0], right - width / 2), left + width / 2)
    return x, max(min(centre[1], top - height / 2), bottom + height / 2)


def _around(x: float, y: float, off: float, width: float, height: float) -> Iterator[tuple[float, float]]:
    """Yield centres of a label below, above, right, left and at the corners of a point, near ones first."""
    for times in (1.0, 2.5, 5.0):
        step = off * times
        yield x, y - step - height / 2
        yield x, y + step + height / 2
        yield x + step + width / 2, y
        yield x - step - width / 2, y
        for side in (1, -1):
            yield x + side * (0.8 * step + width / 2), y - 0.8 * step - height / 2
            yield x + side * (0.8 * step + width / 2), y + 0.8 * step + height / 2


def _distance(box: Box, point: tuple[float, float]) -> float:
    """Return how far a point is from a box."""
    across = max(box[0] - point[0], 0.0, point[0] - box[2])
    along = max(box[1] - point[1], 0.0, point[1] - box[3])
    return float((across**2 + along**2) ** 0.5)


def _overlap(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return width * height if width > 0 and height > 0 else 0.0

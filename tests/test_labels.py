"""Labels that do not cover each other."""

from __future__ import annotations

import itertools

import numpy as np

from edgeopt.drawing.labels import apart, place_labels


def test_kept_places_are_apart_and_no_dropped_one_would_fit_beside_heavier_ones() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        places = sorted(rng.integers(0, 30, size=rng.integers(0, 20)).tolist())
        weights = rng.integers(0, 5, size=len(places)).tolist()
        kept = apart(places, weights, 3)
        assert kept == sorted(kept)
        assert all(places[b] - places[a] >= 3 for a, b in itertools.pairwise(kept))
        for number in set(range(len(places))) - set(kept):
            near = [other for other in kept if abs(places[other] - places[number]) < 3]
            assert any(weights[other] >= weights[number] for other in near)


def test_labels_of_points_that_stand_apart_cover_nothing() -> None:
    points = [(100.0 * column, 60.0 * row) for column in range(4) for row in range(4)]
    sizes, radii = [(80.0, 20.0)] * 16, [8.0] * 16
    centres = place_labels(points, radii, sizes)
    boxes = [(x - 40, y - 10, x + 40, y + 10) for x, y in centres]
    marks = [(x - 8, y - 8, x + 8, y + 8) for x, y in points]
    for number, box in enumerate(boxes):
        for other in [*boxes[:number], *marks]:
            width = min(box[2], other[2]) - max(box[0], other[0])
            height = min(box[3], other[3]) - max(box[1], other[1])
            assert width <= 0 or height <= 0


def test_close_points_get_labels_on_different_sides() -> None:
    centres = place_labels([(0.0, 0.0), (4.0, 0.0)], [3.0, 3.0], [(60.0, 12.0)] * 2)
    assert abs(centres[0][0] - centres[1][0]) >= 60 or abs(centres[0][1] - centres[1][1]) >= 12


def test_labels_stay_within_a_box() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        points = [(float(x), float(y)) for x, y in rng.uniform((0, 0), (200, 100), (6, 2))]
        placed = place_labels(points, [4.0] * 6, [(90.0, 20.0)] * 6, within=(0.0, 0.0, 200.0, 100.0))
        assert all(45 <= x <= 155 and 10 <= y <= 90 for x, y in placed)
    assert place_labels([(0.0, 0.0)], [3.0], [(60.0, 12.0)], within=(-10.0, -50.0, 10.0, 50.0))[0][0] == 20.0

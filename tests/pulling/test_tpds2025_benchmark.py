"""The methods of the authors' code, made anew: what they are by definition, and their linear programs in full."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from benchmarks.pulling.tpds2025 import AXES, SAME, point
from benchmarks.pulling.tpds2025_methods import cheapest, drawn, most_accurate, pulls, relaxation, run_all, score
from benchmarks.pulling.tpds2025_online import POLICIES, World, exponent, play
from edgeopt.pulling.tpds2025.setting import Setting, draw

DRAWS = 800
SMALL = Setting(requests=8, models=5, cloudlets=7, service_types=2, copies=3)


def full_relaxation(drawing) -> float | None:
    """Solve the linear program of the code with its sources: columns x, y and z of both parts, and the larger sum."""
    requests, models = drawing.accuracy.shape
    columns: dict[object, int] = {}
    for j in range(requests):
        for k in range(models):
            columns[j, k] = len(columns)
            for part, holders in (("sh", drawing.shares[k]), ("re", drawing.holds[k])):
                for source in np.flatnonzero(holders).tolist():
                    for kind in "yz":
                        columns[kind, part, j, k, source] = len(columns)
    last = len(columns)
    equal: list[tuple[dict[int, float], float]] = []
    most: list[tuple[dict[int, float], float]] = []
    sums: dict[str, dict[int, float]] = {"sh": {last: -1.0}, "re": {last: -1.0}}
    own = drawing.inference + drawing.transmission + drawing.queue[drawing.home][:, None]
    cost = drawing.cost(np.zeros_like(own))
    for j in range(requests):
        x = {columns[j, k]: k for k in range(models)}
        home = drawing.home[j]
        equal.append((dict.fromkeys(x, 1.0), 1.0))
        most.append(({c: drawing.used_share * drawing.size[k] for c, k in x.items()}, drawing.capacity[home]))
        most.append(({c: -drawing.accuracy[j, k] for c, k in x.items()}, -drawing.floor[j]))
        most.append(({**{c: cost[j, k] for c, k in x.items()}, last: drawing.power[home]}, drawing.budget[j]))
    for key, column in columns.items():
        if key[0] != "y":  # type: ignore[index]
            continue
        _, part, j, k, source = key  # type: ignore[misc]
        z = columns["z", part, j, k, source]
        most.append(({column: 1.0, z: -1.0}, 0.0))
        most.append(({columns[j, k]: 1.0, column: 1.0, z: -1.0}, 1.0))
        size = drawing.size[k] * (2 / 3 if part == "sh" else 1 / 3)
        sums[part][z] = size * drawing.distance[drawing.home[j], source]
    for part in sums:
        for j in range(requests):
            for k in range(models):
                y = [c for key, c in columns.items() if key[:4] == ("y", part, j, k)]  # type: ignore[index]
                equal.append(({**dict.fromkeys(y, 1.0), columns[j, k]: -1.0}, 0.0))
    most += [(row, 0.0) for row in sums.values()]
    objective = np.zeros(last + 1)
    objective[last] = 1.0
    for j in range(requests):
        for k in range(models):
            objective[columns[j, k]] = own[j, k]

    def matrix(rows):
        dense = np.zeros((len(rows), last + 1))
        for index, (row, _) in enumerate(rows):
            dense[index, list(row)] = list(row.values())
        return sparse.csr_array(dense), [right for _, right in rows]

    left, right = matrix(most)
    same, value = matrix(equal)
    found = linprog(objective, left, right, same, value, [(0, 1)] * last + [(0, None)])
    return float(found.fun) if found.status == 0 else None


def test_the_program_without_sources_is_the_one_with_them():
    solved = 0
    for seed in range(8):
        drawing = draw(SMALL, seed)
        share, expected = relaxation(drawing), full_relaxation(drawing)
        assert (share is None) == (expected is None), seed
        if share is None:
            continue
        own = drawing.inference + drawing.transmission + drawing.queue[drawing.home][:, None]
        largest = max((part * share).sum() for part in pulls(drawing))
        assert largest + (own * share).sum() == pytest.approx(expected, rel=1e-7), seed
        solved += 1
    assert solved >= 4


def test_most_accurate_models_from_cloud_and_copies():
    drawing = draw(SMALL, 1)
    cloud, near = most_accurate(drawing, from_cloud=True), most_accurate(drawing, from_cloud=False)
    for request, model in enumerate(drawing.accuracy.argmax(axis=1).tolist()):
        home = drawing.home[request]
        assert cloud.model[request] == near.model[request] == model
        assert cloud.pulling[request] == pytest.approx(2 / 3 * drawing.size[model] * drawing.distance[home, -1])
        copies = np.flatnonzero(drawing.holds[model])
        nearest = min(drawing.distance[home, copy] for copy in copies)
        assert near.pulling[request] == pytest.approx(2 / 3 * drawing.size[model] * nearest)


def test_draws_have_their_shares_and_lost_ones_fall_to_the_last():
    drawing, rng = draw(SMALL, 2), np.random.default_rng(0)
    share = rng.dirichlet(np.ones(5), 8)
    for lost in (0.0, 0.5):
        counts = np.zeros((8, 5))
        for _ in range(DRAWS):
            counts[np.arange(8), drawn(drawing, share, rng, lost=lost).model] += 1
        expected = (1 - lost) * share + lost * np.eye(5)[-1]
        assert np.abs(counts / DRAWS - expected).max() < 5 * 0.5 / DRAWS**0.5


def test_nothing_that_keeps_the_limits_beats_the_optimum():
    for seed in range(6):
        drawing = draw(SMALL, seed)
        best = cheapest(drawing)
        if best is None:
            continue
        for name, found in run_all(drawing, seed).items():
            if found is not None and found.broken == 0:
                assert found.delay >= score(drawing, best).delay * (1 - SAME), name


def test_points_of_the_axes_are_proved():
    for axis in AXES:
        setting = axis.setting(axis.values[0])
        assert getattr(setting, axis.key) == axis.values[0]
    assert set(point(SMALL, 0)) >= {"optimum", "Appro", "SC", "NonShare"}


def test_worlds_and_policies():
    drawing = draw(Setting(requests=30, models=6, cloudlets=10, service_types=2), 0)
    for shared in (True, False):
        world = World(drawing, shared)
        before = world.penalties(0)
        model = 3
        world.copy(0, model)
        after = world.penalties(0)
        assert after[model] < before[model]  # it is at home now
        alike = drawing.service_type == drawing.service_type[model]
        alike[model] = False
        assert ((after < before)[alike].all() and alike.any()) == shared
        others = drawing.service_type != drawing.service_type[model]
        assert (after[others] == before[others]).all()
    for name in POLICIES:
        course = play(name, drawing, POLICIES[name][1], 1)
        assert (course.regret >= 0).all()
        assert (course.penalty > 0).all()
    assert (play("myopic optimum", drawing, True, 1).regret == 0).all()
    assert exponent(np.ones(500)) == pytest.approx(1, abs=1e-9)

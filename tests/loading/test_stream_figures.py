"""The picture of a stream."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from edgeopt.loading.figures import plot_plan
from edgeopt.loading.generator import generate
from edgeopt.loading.policies.named import replay_policy
from edgeopt.loading.stream_figures import MANY, MOST_ROWS, busy_s, plot_stream


def test_seconds_of_intervals_in_bins() -> None:
    rng = np.random.default_rng(0)
    moments = np.sort(rng.uniform(0, 10, 40))
    starts, ends, edges = moments[::2], moments[1::2], np.linspace(0, 12, 25)
    expected = [
        sum(max(0.0, min(end, high) - max(start, low)) for start, end in zip(starts, ends, strict=True))
        for low, high in pairwise(edges)
    ]
    assert busy_s(starts, ends, edges) == pytest.approx(expected)
    assert busy_s(np.zeros(0), np.zeros(0), edges) == pytest.approx(np.zeros(24))


@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
def test_many_batches_are_drawn_over_time(retention: str) -> None:
    stream = generate("tree", models=40, users=900, seed=2, arrivals="diurnal", duration_s=900.0, retention=retention)
    plan = replay_policy(stream, "affinity")
    assert len(plan["batches"]) > MANY
    figure = plot_plan(stream, plan)
    requests, models, gpu, _, queue = figure.axes
    served = sum(len(batch["users"]) for batch in plan["batches"])
    assert f"{served} of 900 users served" in requests.get_title(loc="left")
    assert len(models.get_yticks()) == MOST_ROWS
    assert models.get_yticklabels()[-1].get_text() == f"{40 - MOST_ROWS + 1} other models"
    assert gpu.get_ylim() == (0, 1)
    assert queue.get_xlabel() == "time in minutes"
    given = Figure()
    left, right = given.subplots(1, 2)
    assert plot_plan(stream, plan, right) is given
    assert len(right.get_yticks()) == MOST_ROWS
    assert right.get_title(loc="left") == requests.get_title(loc="left")
    assert right.get_xlabel() == "time in minutes"
    assert not left.images


def test_few_batches_are_drawn_one_by_one() -> None:
    stream = generate("tree", models=4, users=12, seed=2, arrivals="poisson")
    assert len(plot_plan(stream, replay_policy(stream, "density")).axes) == 3


def test_an_empty_plan_can_be_drawn() -> None:
    stream = generate("tree", models=4, users=12, seed=2, arrivals="poisson")
    assert len(plot_stream(stream, {"batches": [], "uploads": {}}).axes) == 5

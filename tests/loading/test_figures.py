"""Pictures and tables of plans show what the checker's replay says."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import edgeopt
from edgeopt.loading.checker import replay
from edgeopt.loading.figures import plan_frame, plot_plan
from edgeopt.loading.generator import generate
from tests.plans import NOBODY, all_users, serve, two_models


def corners(figure: Figure, panel: int) -> list[np.ndarray]:
    """The drawn shapes of a panel, without the closing corner, one array for each collection."""
    return [
        np.array([path.vertices[:4] for path in drawn.get_paths()])
        for drawn in figure.axes[panel].collections
        if isinstance(drawn, PolyCollection)
    ]


def test_bars_are_the_phases_of_the_schedule() -> None:
    instance = two_models()
    plan = serve(instance, "ann", "bob", "cem")
    visits = replay(instance, plan).visits
    upload, loads, batches = corners(plot_plan(instance, plan), 0)
    assert upload[0][:, 0].max() == pytest.approx(visits[0].load_start_s)
    for visit, load, batch in zip(visits, loads, batches, strict=True):
        assert (load[:, 0].min(), load[:, 0].max()) == pytest.approx((visit.load_start_s, visit.compute_start_s))
        assert (batch[:, 0].min(), batch[:, 0].max()) == pytest.approx((visit.compute_start_s, visit.end_s))


def test_reused_and_loaded_bytes_are_stacked() -> None:
    instance = two_models()
    plan = serve(instance, "ann", "bob", "cem")
    reused, loaded = corners(plot_plan(instance, plan), 1)
    assert [shape[:, 1].max() for shape in reused] == [0, 2, 1]
    assert [np.ptp(shape[:, 1]) for shape in loaded] == [2, 0, 1]


def test_title_and_legend_tell_users_bytes_and_deadline() -> None:
    instance = two_models()
    axes = plot_plan(instance, serve(instance, "ann", "cem")).axes
    assert "2 of 3 users served in 2 batches" in axes[0].get_title(loc="left")
    assert "3 B loaded, 1 B reused" in axes[0].get_title(loc="left")
    legend = axes[0].get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["upload", "load", "compute; shades take turns", "deadline 20 s"]


def test_what_a_stream_marks_is_in_the_legend() -> None:
    """Arrivals have a name of their own, and the shades of uploads are explained as those of batches are."""
    solution = edgeopt.solve(Path(__file__).parents[2] / "instances" / "loading" / "tiny-stream.json", "edf", threads=1)
    shown = [text.get_text() for text in solution.plot().axes[0].get_legend().get_texts()]
    assert {"arrival", "upload; shades take turns"} <= set(shown)


def test_models_are_named_under_their_batches_and_the_memory_is_drawn() -> None:
    instance = two_models()
    figure = plot_plan(instance, serve(instance, "ann", "bob", "cem"))
    schedule, _, memory = figure.axes
    visits = replay(instance, serve(instance, "ann", "bob", "cem")).visits
    names = {text.get_text(): text.get_position()[0] for text in schedule.texts if text.get_rotation() == 90}
    assert set(names) <= {visit.model for visit in visits}
    for visit in visits:
        assert any(abs(x - (visit.compute_start_s + visit.end_s) / 2) < 20 for x in names.values())
    limit = instance.server.memory_bytes
    text = memory.get_legend().get_texts()[-1].get_text()
    drawn = [line.get_ydata()[0] for line in memory.get_lines()]
    assert drawn == [limit] if "times" not in text else limit > memory.get_ylim()[1]
    used = max(corners(figure, 2)[0][0][:, 1].max(), 1)
    assert used <= limit


def test_names_that_are_too_close_are_told_by_their_number() -> None:
    instance = generate("tree", 200, 400, 0, served_fraction=0.9)
    one_each = {user.model: name for name, user in instance.users.items()}
    ax = plot_plan(instance, serve(instance, *one_each.values())).axes[0]
    names = [text for text in ax.texts if text.get_rotation() == 90]
    (told,) = [text.get_text() for text in ax.texts if "turns are named" in text.get_text()]
    assert told == f"{len(names)} of {len(one_each)} turns are named"
    places = sorted(text.get_position()[0] for text in names)
    assert min(np.diff(places)) >= 0.99 * ax.get_xlim()[1] / 75


@pytest.mark.parametrize("deadlines", ["common", pytest.param("individual", marks=pytest.mark.slow)])
def test_draws_plans_of_any_size_without_touching_global_state(deadlines: str) -> None:
    instance = generate("tree", 300, 400, 0, deadlines=deadlines, served_fraction=0.9)  # type: ignore[arg-type]
    one_each = {user.model: name for name, user in instance.users.items()}
    for plan in (NOBODY, serve(instance, *one_each.values())):
        figure = plot_plan(instance, plan)
        figure.savefig(io.BytesIO(), dpi=40)
    assert plt.get_fignums() == []


def test_draws_into_axes_that_are_given() -> None:
    ax = Figure().add_subplot()
    figure = plot_plan(two_models(), serve(two_models(), "ann"), ax)
    assert figure is ax.figure
    assert figure.axes == [ax]


def test_frame_has_a_row_for_each_served_user() -> None:
    solution = edgeopt.solve(two_models(), all_users)
    frame = solution.to_frame()
    assert list(frame["user"]) == ["ann", "bob", "cem"]
    assert list(frame["batch"]) == [0, 1, 2]
    assert np.allclose(frame["deadline_s"] - frame["end_s"], frame["slack_s"])
    assert (frame["slack_s"] >= 0).all()
    assert frame["bandwidth_hz"].sum() == pytest.approx(two_models().bandwidth_hz)
    assert frame["end_s"].max() == pytest.approx(solution.metrics["end_s"])


def test_frame_of_nobody_has_the_columns() -> None:
    frame = plan_frame(two_models(), NOBODY)
    assert not frame["served"].any()
    assert "slack_s" in frame.columns

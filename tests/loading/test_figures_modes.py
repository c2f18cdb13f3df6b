"""Pictures and tables of plans in the other modes."""

import pytest
from matplotlib.figure import Figure

import edgeopt
from edgeopt.loading.figures import plan_frame, plot_plan, plot_plans
from edgeopt.loading.generator import generate
from tests.loading.modes import in_mode
from tests.loading.test_checker_modes import KEEPING, KEPT, OVERLAPPED, PLAN, uploads


def boxes(ax, number):
    """Least and most time of each shape of a collection."""
    return [tuple(path.get_extents().intervalx) for path in ax.collections[number].get_paths()]


def test_radio_and_gpu_are_two_rows():
    figure = plot_plan(OVERLAPPED, PLAN)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["radio", "GPU"]
    assert boxes(ax, 0) == [(0, 1), (1, 1.5)]
    assert boxes(ax, 1) == [(0, 8), (10, 12)]
    assert boxes(ax, 2) == [(8, 10), (12, 13.5)]


def test_the_gpu_waits_where_its_row_is_empty():
    ax = plot_plan(OVERLAPPED, uploads(u2=[12.5, 13.0, 4.0])).axes[0]
    assert boxes(ax, 1)[1] == (10, 12)
    assert boxes(ax, 2)[1] == (13, 14.5)


def test_the_gain_over_two_phases_is_drawn():
    instance = in_mode(generate("grid", 6, 24, seed=0), "overlapped", "consecutive")
    plans = {name: edgeopt.solve(instance, name).plan for name in ("exact", "two-phase")}
    above, below = plot_plans(instance, plans).axes
    for ax in (above, below):
        assert [label.get_text() for label in ax.get_yticklabels()] == ["radio", "GPU"]
    served = [sum(len(batch["users"]) for batch in plan["batches"]) for plan in plans.values()]
    assert served[0] > served[1]
    title = f"exact: {served[0]} of 24 users served, {served[0] / served[1] - 1:+.0%}"
    assert above.get_title(loc="left") == title
    assert below.get_title(loc="left") == f"two-phase: {served[1]} of 24 users served"
    given = Figure()
    beside = given.subplots(1, 2)
    assert plot_plans(instance, plans, beside) is given
    assert [ax.get_title(loc="left") for ax in beside] == [ax.get_title(loc="left") for ax in (above, below)]
    with pytest.raises(edgeopt.UsageError, match="2 plans need 2 axes, not 1"):
        plot_plans(instance, plans, beside[:1])
    with pytest.raises(edgeopt.UsageError, match="no plan to draw"):
        plot_plans(instance, {})


def test_blocks_kept_for_later_are_drawn():
    figure = plot_plan(KEEPING, KEPT)
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["reused from models before", "loaded", "kept for later"]


def test_frame_of_an_overlapped_plan():
    frame = plan_frame(OVERLAPPED, PLAN)
    assert list(frame["upload_start_s"]) == [0.0, 0.5, 1.0]
    assert list(frame["upload_end_s"]) == [0.5, 1.0, 1.5]
    assert list(frame["end_s"]) == [10, 10, 13.5]


@pytest.mark.parametrize("instance", [OVERLAPPED, KEEPING])
def test_a_solution_draws_and_lists_itself(instance):
    solution = edgeopt.solve(instance)
    assert len(solution.to_frame()) == solution.objective == 3
    assert solution.plot().axes

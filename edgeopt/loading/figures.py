"""Pictures and tables of `loading` plans: who is served when, and what stays on the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter

from edgeopt.loading.checker import Schedule, Visit, replay
from edgeopt.reporting.display import quantity
from edgeopt.reporting.palette import BLUE, GREEN, GREY, INK, ORANGE, VERMILION
from edgeopt.reporting.picture import Picture

if TYPE_CHECKING:
    import pandas as pd

    from edgeopt.loading.instance import LoadingInstance
    from edgeopt.solution import Plan

FRAME_COLUMNS = (
    "user",
    "model",
    "batch",
    "bandwidth_hz",
    "load_start_s",
    "compute_start_s",
    "end_s",
    "deadline_s",
    "slack_s",
)
LANES = ("upload", "load", "compute")
BATCHES = [INK, GREY]  # take turns
LANE_HEIGHT = 0.8
DRAWN_DEADLINES = 12
LABEL_WIDTH = 1 / 20  # of the time axis: a batch at least so wide carries its model's name
OUTLINED_VISITS = 120
Corners = list[tuple[float, float]]


def plot_plan(instance: LoadingInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw the schedule of a plan, and under it the parameters on the GPU over time.

    Parameters
    ----------
    instance : LoadingInstance
    plan : dict
    ax : matplotlib Axes, optional
        Where to draw the schedule alone; default: a new figure with both.

    Returns
    -------
    matplotlib.figure.Figure
    """
    schedule = replay(instance, plan)
    if ax is not None:
        _draw_schedule(ax, instance, schedule)
        ax.set_xlabel("time")
        given: Any = ax.get_figure(root=True)
        found: Figure = given
        return found
    figure = Picture(figsize=(9.0, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 4])
    _draw_schedule(above, instance, schedule)
    _draw_parameters(below, instance, schedule)
    below.set_xlabel("time")
    return figure


def plan_frame(instance: LoadingInstance, plan: Plan) -> pd.DataFrame:
    """Return one row for each served user: its batch, its upload bandwidth, when it is served, and the slack."""
    import pandas as pd

    rows = [
        {
            "user": user,
            "model": visit.model,
            "batch": number,
            "bandwidth_hz": float(plan["bandwidth_hz"].get(user, 0.0)),
            "load_start_s": visit.load_start_s,
            "compute_start_s": visit.compute_start_s,
            "end_s": visit.end_s,
            "deadline_s": instance.users[user].deadline_s,
            "slack_s": instance.users[user].deadline_s - visit.end_s,
        }
        for number, visit in enumerate(replay(instance, plan).visits)
        for user in visit.users
    ]
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS))


def _draw_schedule(ax: Axes, instance: LoadingInstance, schedule: Schedule) -> None:
    """One lane each for the radio, the transfer into GPU memory and the computing, and the deadlines."""
    visits = schedule.visits
    served = sum(len(visit.users) for visit in visits)
    loads = [_bar(1, visit.load_start_s, visit.compute_start_s) for visit in visits]
    batches = [_bar(2, visit.compute_start_s, visit.end_s) for visit in visits]
    _draw(ax, [_bar(0, 0.0, schedule.upload_s)], [GREEN])
    _draw(ax, loads, [ORANGE])
    _draw(ax, batches, BATCHES)
    end = visits[-1].end_s if visits else schedule.upload_s
    last = _draw_deadlines(ax, instance)
    ax.set_xlim(0, max(end, last) * 1.02 or 1.0)
    ax.set_ylim(len(LANES) - 0.5, -0.5)
    ax.set_yticks(range(len(LANES)), LANES)
    ax.xaxis.set_major_formatter(EngFormatter(unit="s"))
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    _label_batches(ax, visits)
    loaded, reused = (sum(getattr(visit, part) for visit in visits) for part in ("loaded_bytes", "reused_bytes"))
    ax.set_title(
        f"{instance.name}: {served} of {len(instance.users)} users served in {len(visits)} batches\n"
        f"{quantity(loaded, 'B')} loaded, {quantity(reused, 'B')} reused from the model before",
        fontsize=10,
        loc="left",
    )


def _bar(lane: int, start: float, end: float) -> Corners:
    top, bottom = lane - LANE_HEIGHT / 2, lane + LANE_HEIGHT / 2
    return [(start, top), (end, top), (end, bottom), (start, bottom)]


def _draw(ax: Axes, shapes: list[Corners], colours: list[str]) -> None:
    """Draw shapes, colours taking turns; outlines only while they do not cover the picture."""
    edge = "white" if len(shapes) <= OUTLINED_VISITS else "face"
    ax.add_collection(
        PolyCollection(
            [np.array(shape) for shape in shapes],
            facecolors=[colours[index % len(colours)] for index in range(len(shapes))],
            edgecolors=edge,
            linewidths=0.5,
        )
    )


def _draw_deadlines(ax: Axes, instance: LoadingInstance) -> float:
    """Mark the deadlines; of many, only short marks at the foot. Returns the last one that is marked."""
    deadlines = instance.deadlines()
    if not deadlines:
        return 0.0
    if len(deadlines) <= DRAWN_DEADLINES:
        for deadline in deadlines:
            ax.axvline(deadline, color=VERMILION, linestyle="--", linewidth=1.2)
    else:
        ax.plot(deadlines, np.full(len(deadlines), 0.03), "|", color=VERMILION, transform=ax.get_xaxis_transform())
    what = f"deadline {quantity(deadlines[0], 's')}" if len(deadlines) == 1 else f"{len(deadlines)} deadlines"
    ax.plot(
        [], [], color=VERMILION, linestyle="--" if len(deadlines) <= DRAWN_DEADLINES else "", marker="|", label=what
    )
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)
    return deadlines[-1]


def _label_batches(ax: Axes, visits: list[Visit]) -> None:
    width = ax.get_xlim()[1]
    for visit in visits:
        if visit.end_s - visit.compute_start_s >= LABEL_WIDTH * width:
            middle = (visit.compute_start_s + visit.end_s) / 2
            text = f"{visit.model}\n{len(visit.users)}"
            ax.text(middle, 2, text, ha="center", va="center", fontsize=7, color="white", clip_on=True)


def _draw_parameters(ax: Axes, instance: LoadingInstance, schedule: Schedule) -> None:
    """Stack the parameters on the GPU: bytes reused from the model before, bytes loaded."""
    reused: list[Corners] = []
    loaded: list[Corners] = []
    for visit in schedule.visits:
        start, ready, end = visit.load_start_s, visit.compute_start_s, visit.end_s
        kept, size = float(visit.reused_bytes), float(visit.reused_bytes + visit.loaded_bytes)
        reused.append([(start, 0.0), (end, 0.0), (end, kept), (start, kept)])
        loaded.append([(start, kept), (end, kept), (end, size), (ready, size)])
    _draw(ax, reused, [BLUE])
    _draw(ax, loaded, [ORANGE])
    sizes = [visit.reused_bytes + visit.loaded_bytes for visit in schedule.visits]
    ax.set_ylim(0, 1.05 * max([*sizes, 1]))
    ax.yaxis.set_major_formatter(EngFormatter(unit="B"))
    ax.set_ylabel(f"parameters on the GPU\n(memory {quantity(instance.server.memory_bytes, 'B')})")
    ax.spines[["top", "right"]].set_visible(False)
    parts = [Patch(facecolor=BLUE, label="reused from the model before"), Patch(facecolor=ORANGE, label="loaded")]
    ax.legend(handles=parts, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, frameon=False)

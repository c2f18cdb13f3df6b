"""Pictures of `loading` plans: who is served when, and what stays on the GPU."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator

from edgeopt.drawing.labels import apart
from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREEN, GREY, INK, ORANGE, PALE, VERMILION
from edgeopt.drawing.picture import Picture, figure_of
from edgeopt.errors import UsageError
from edgeopt.loading.checker import Schedule, Visit, replay
from edgeopt.loading.plan_table import plan_frame as plan_frame
from edgeopt.loading.plan_table import plan_of_frame as plan_of_frame
from edgeopt.loading.stream_figures import MANY, plot_stream
from edgeopt.quantities import amount, quantity

if TYPE_CHECKING:
    from edgeopt.loading.instance import LoadingInstance
    from edgeopt.solution import Plan

LANES = ("upload", "load", "compute")
OVERLAPPED_LANES = ("radio", "GPU")
PREFETCH_LANES = ("radio", "load", "compute")
BATCHES = [INK, GREY]  # take turns
WORKSPACE = "#CBB8D9"
RADIO = [GREEN, "#66C2A5"]  # take turns by batch
LANE_HEIGHT = 0.8
DRAWN_DEADLINES = 12
LABEL_WIDTH = 1 / 60  # of the time axis: a batch at least so wide carries the number of its users
NAME_DISTANCE = 1 / 75  # of the time axis: names stand so far from each other
NAME_CHARACTERS = 24
LEADER, NAME_LANES = 0.15, 0.105  # lines to the names under the lanes, and each character of these, in lanes
LANE_INCHES, PARAMETERS_INCHES, MEMORY_INCHES, MARGINS_INCHES = 0.56, 2.3, 0.9, 1.3
OFF_SCALE = 2.5  # a memory limit so many times the highest use is written, not drawn
OUTLINED_VISITS = 120
Corners = list[tuple[float, float]]


def plot_plan(instance: LoadingInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw the schedule of a plan, and under it the parameters on the GPU over time.

    A stream of many batches is drawn by `plot_stream`.

    Parameters
    ----------
    instance : LoadingInstance
    plan : dict
    ax : matplotlib Axes, optional
        Where to draw the schedule alone; default: a new figure with all.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if instance.stream and len(plan["batches"]) > MANY:
        return plot_stream(instance, plan, ax)
    schedule = replay(instance, plan)
    if ax is not None:
        _draw_schedule(ax, instance, schedule)
        ax.set_xlabel("time")
        return figure_of(ax)
    lanes = LANE_INCHES * (_foot(instance, schedule) + 0.5)
    heights = [lanes, PARAMETERS_INCHES, MEMORY_INCHES]
    figure = Picture(figsize=(9.0, sum(heights) + MARGINS_INCHES), layout="constrained")
    above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    _draw_schedule(above, instance, schedule)
    _draw_parameters(middle, instance, schedule)
    _draw_memory(below, instance, schedule)
    below.set_xlabel("time")
    return figure


def plot_plans(instance: LoadingInstance, plans: Mapping[str, Plan], ax: Sequence[Axes] | None = None) -> Figure:
    """Draw the schedules of several plans one above the other, over the same time.

    Parameters
    ----------
    instance : LoadingInstance
    plans : dict of str to dict
        Plans by what they are called; the titles say what each serves beyond the last.
    ax : sequence of matplotlib Axes, optional
        Where to draw them, axes for each plan; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        There is no plan, or the axes are not as many as the plans.
    """
    axes = _axes_of(plans, ax)
    served = [[user for batch in plan["batches"] for user in batch["users"]] for plan in plans.values()]
    least = instance.worth(served[-1])
    for panel, (name, plan), users in zip(axes, plans.items(), served, strict=True):
        _draw_schedule(panel, instance, replay(instance, plan))
        gain = f", {instance.worth(users) / least - 1:+.0%}" if least and panel is not axes[-1] else ""
        panel.set_title(f"{in_figure(name)}: {_served(instance, users)}{gain}", fontsize=10, loc="left")
    axes[-1].set_xlabel("time")
    return figure_of(axes[-1])


def _served(instance: LoadingInstance, users: Collection[str]) -> str:
    """Say how many users are served, and with weights what they count."""
    text = f"{len(users)} of {len(instance.users)} users served"
    if instance.weighted:
        text += f", weight {amount(instance.worth(users), '')} of {amount(instance.worth(instance.users), '')}"
    return text


def _axes_of(plans: Mapping[str, Plan], ax: Sequence[Axes] | None) -> list[Axes]:
    """Return axes for each plan: those that are given, or those of a new figure, with the same time."""
    if not plans:
        raise UsageError("there is no plan to draw")
    if ax is None:
        figure = Picture(figsize=(9.0, 3.5 * len(plans)), layout="constrained")
        return list(figure.subplots(len(plans), 1, sharex=True, squeeze=False)[:, 0])
    given = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(given) != len(plans):
        raise UsageError(f"{len(plans)} plans need {len(plans)} axes, not {len(given)}")
    return given


def _draw_schedule(ax: Axes, instance: LoadingInstance, schedule: Schedule) -> None:
    """One lane each for the radio, the transfer into GPU memory and the computing, and the deadlines.

    Where uploads overlap the service, the radio's lane shows which batch they are for, and loading and computing are
    one lane of the GPU: it waits where that is empty. Where it loads while it computes, these are two lanes again.
    Arrivals are marks at the foot of the radio's lane.
    """
    visits = schedule.visits
    overlapped = instance.upload == "overlapped"
    lanes = _lanes(instance)
    computing = len(lanes) - 1
    served = [user for visit in visits for user in visit.users]
    loads = [_bar(1, visit.load_start_s, visit.load_end_s) for visit in visits]
    loads += [_bar(1, v.compute_start_s, v.ahead_end_s) for v in visits if v.ahead_end_s > v.compute_start_s]
    batches = [_bar(computing, visit.compute_start_s, visit.end_s) for visit in visits]
    if overlapped:
        bars = _radio_bars(schedule)
        _draw(ax, [bar for bar, _ in bars], [RADIO[number % len(RADIO)] for _, number in bars])
    else:
        _draw(ax, [_bar(0, 0.0, schedule.upload_s)], RADIO)
    if instance.stream:
        arrivals = [user.arrival_s for user in instance.users.values()]
        foot = np.full(len(arrivals), LANE_HEIGHT / 2)
        ax.plot(arrivals, foot, "|", color=INK, markersize=8, label="arrival", zorder=2.2)
    _draw(ax, loads, [ORANGE])
    _draw(ax, batches, BATCHES)
    end = visits[-1].end_s if visits else schedule.upload_s
    last = _draw_deadlines(ax, instance)
    ax.set_xlim(0, max(end, last) * 1.02 or 1.0)
    _label_batches(ax, visits, computing)
    ax.set_ylim(_foot(instance, schedule), -0.5)
    ax.set_yticks(range(len(lanes)), lanes)
    ax.xaxis.set_major_formatter(EngFormatter(unit="s"))
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    upload = "upload; shades take turns" if overlapped else "upload"
    parts = [Patch(facecolor=RADIO[0], label=upload), Patch(facecolor=ORANGE, label="load")]
    parts.append(Patch(facecolor=BATCHES[0], label="compute; shades take turns"))
    marks = ax.get_legend_handles_labels()[0]
    ax.legend(handles=[*parts, *marks], loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, frameon=False, ncols=2)
    loaded, reused = (sum(getattr(visit, part) for visit in visits) for part in ("loaded_bytes", "reused_bytes"))
    ax.set_title(
        f"{in_figure(instance.name)}: {_served(instance, served)} in {len(visits)} batches\n"
        f"{quantity(loaded, 'B')} loaded, {quantity(reused, 'B')} {_reuse(instance)}",
        fontsize=10,
        loc="left",
    )


def _reuse(instance: LoadingInstance) -> str:
    return "reused from the model before" if instance.retention == "consecutive" else "reused from models before"


def _radio_bars(schedule: Schedule) -> list[tuple[Corners, int]]:
    """Return when there are uploads for each batch, with the number of the batch; what follows at once is one bar."""
    batch_of = {user: number for number, visit in enumerate(schedule.visits) for user in visit.users}
    spans: list[list[float]] = []
    numbers: list[int] = []
    timed = [upload for upload in schedule.uploads if upload.user in batch_of]
    for upload in sorted(timed, key=lambda each: (batch_of[each.user], each.start_s)):
        if numbers and numbers[-1] == batch_of[upload.user] and upload.start_s <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], upload.end_s)
        else:
            spans.append([upload.start_s, upload.end_s])
            numbers.append(batch_of[upload.user])
    return [(_bar(0, start, end), number) for (start, end), number in zip(spans, numbers, strict=True)]


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
    return deadlines[-1]


def _lanes(instance: LoadingInstance) -> tuple[str, ...]:
    if instance.prefetch == "next":
        return PREFETCH_LANES
    return OVERLAPPED_LANES if instance.upload == "overlapped" else LANES


def _foot(instance: LoadingInstance, schedule: Schedule) -> float:
    """Return where the schedule ends below, in lanes: under the names of the models."""
    longest = max((len(_short(visit.model)) for visit in schedule.visits if visit.users), default=0)
    names = LEADER + NAME_LANES * (longest + 1) if longest else 0.1
    return len(_lanes(instance)) - 1 + LANE_HEIGHT / 2 + names


def _short(name: str) -> str:
    """Return a name without its middle where it is long: names of one family differ at their end."""
    if len(name) <= NAME_CHARACTERS:
        return name
    end = NAME_CHARACTERS // 2
    return f"{name[: NAME_CHARACTERS - end - 1]}…{name[-end:]}"


def _label_batches(ax: Axes, visits: list[Visit], lane: int) -> None:
    """Name the models under their batches, and write the users of wide ones into them.

    Batches of one model in a row have one name; where names are too close, those with most users have theirs.
    """
    width = ax.get_xlim()[1]
    batches = [visit for visit in visits if visit.users]
    runs = [list(run) for _, run in groupby(batches, key=lambda visit: visit.model)]
    middles = [(run[0].compute_start_s + run[-1].end_s) / 2 for run in runs]
    users = [sum(len(visit.users) for visit in run) for run in runs]
    named = apart(middles, users, NAME_DISTANCE * width)
    foot = lane + LANE_HEIGHT / 2
    for number in named:
        ax.plot([middles[number]] * 2, [foot, foot + LEADER], color=GREY, linewidth=0.5)
        ax.text(
            middles[number],
            foot + LEADER,
            in_figure(_short(runs[number][0].model)),
            rotation=90,
            ha="center",
            va="top",
            fontsize=6.5,
            clip_on=True,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},  # no deadline goes through a name
        )
    for visit in batches:
        if visit.end_s - visit.compute_start_s >= LABEL_WIDTH * width:
            middle = (visit.compute_start_s + visit.end_s) / 2
            ax.text(
                middle, lane, str(len(visit.users)), ha="center", va="center", fontsize=7, color="white", clip_on=True
            )
    if len(named) < len(runs):
        text = f"{len(named)} of {len(runs)} turns are named"
        ax.text(0.005 * width, foot + LEADER, text, va="top", fontsize=7, color=GREY)


def _draw_parameters(ax: Axes, instance: LoadingInstance, schedule: Schedule) -> None:
    """Stack the parameters on the GPU: bytes reused from the model before, bytes loaded."""
    reused: list[Corners] = []
    loaded: list[Corners] = []
    others: list[Corners] = []
    for visit in schedule.visits:
        start, ready, end = visit.load_start_s, visit.load_end_s, visit.end_s
        kept, size = float(visit.reused_bytes), float(visit.reused_bytes + visit.loaded_bytes)
        reused.append([(start, 0.0), (end, 0.0), (end, kept), (start, kept)])
        loaded.append([(start, kept), (end, kept), (end, size), (ready, size)])
        if visit.resident_bytes > size:
            all_bytes = float(visit.resident_bytes)
            others.append(
                [(start, kept), (ready, size), (end, size), (end, all_bytes), (start, all_bytes - size + kept)]
            )
    _draw(ax, reused, [BLUE])
    _draw(ax, loaded, [ORANGE])
    if others:
        _draw(ax, others, [PALE])
    ax.set_ylim(0, 1.05 * max([1, *(visit.resident_bytes for visit in schedule.visits)]))
    ax.yaxis.set_major_formatter(EngFormatter(unit="B"))
    ax.set_ylabel("parameters on the GPU")
    ax.spines[["top", "right"]].set_visible(False)
    parts = [Patch(facecolor=BLUE, label=_reuse(instance)), Patch(facecolor=ORANGE, label="loaded")]
    if others:
        parts.append(Patch(facecolor=PALE, label="kept for later"))
    ax.legend(handles=parts, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, frameon=False)


def _draw_memory(ax: Axes, instance: LoadingInstance, schedule: Schedule) -> None:
    """Draw what is on the GPU, parameters and the workspaces of batches, against its memory."""
    parameters = [_parameters(visit) for visit in schedule.visits]
    workspaces = [_workspace(instance, visit) for visit in schedule.visits]
    _draw(ax, parameters, [INK])
    _draw(ax, [box for box, size in workspaces if size], [WORKSPACE])
    used = max([1.0, *(v.resident_bytes + size for v, (_, size) in zip(schedule.visits, workspaces, strict=True))])
    memory = instance.server.memory_bytes
    text = f"memory, {quantity(memory, 'B')}"
    if memory <= OFF_SCALE * used:
        ax.axhline(memory, color=VERMILION, linewidth=1.2)
        ax.set_ylim(0, 1.12 * max(used, memory))
        limit = Line2D([], [], color=VERMILION, label=text)
    else:
        ax.set_ylim(0, 1.08 * used)
        limit = Line2D([], [], linestyle="", label=f"{text}: {memory / used:.0f} times the most that is used")
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_formatter(EngFormatter(unit="B"))
    ax.set_ylabel("memory")
    ax.spines[["top", "right"]].set_visible(False)
    parts = [Patch(facecolor=INK, label="parameters"), Patch(facecolor=WORKSPACE, label="workspace of the batch")]
    ax.legend(handles=[*parts, limit], loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, frameon=False)


def _parameters(visit: Visit) -> Corners:
    """Return the outline of all blocks on the GPU from the start of a batch's loading to its end."""
    full = float(visit.resident_bytes)
    before = full - visit.loaded_bytes
    start, ready, end = visit.load_start_s, visit.load_end_s, visit.end_s
    return [(start, 0.0), (start, before), (ready, full), (end, full), (end, 0.0)]


def _workspace(instance: LoadingInstance, visit: Visit) -> tuple[Corners, int]:
    """Return the workspace of a batch while it computes, above the blocks on the GPU, and its bytes."""
    size = (instance.library.models[visit.model].workspace_bytes_per_sample or 0) * len(visit.users)
    low, high = float(visit.resident_bytes), float(visit.resident_bytes + size)
    start, end = visit.compute_start_s, visit.end_s
    return [(start, low), (end, low), (end, high), (start, high)], size

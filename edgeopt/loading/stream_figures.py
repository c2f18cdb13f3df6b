"""A picture of a stream: what the GPU does for which model, what it loads and reuses, and who waits."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MultipleLocator
from numpy.typing import NDArray

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREEN, INK, ORANGE, PALE, VERMILION
from edgeopt.drawing.picture import Picture, figure_of
from edgeopt.loading.checker import Schedule, Visit, replay
from edgeopt.loading.instance import LoadingInstance
from edgeopt.quantities import quantity
from edgeopt.solution import Plan

Floats = NDArray[np.float64]

MANY = 60  # batches; fewer are drawn one by one
BINS = 180
MOST_ROWS = 24  # models with a row of their own
LONGEST_NAME = 26
FULL = 0.5  # a model's row has its full colour where the GPU is at it for this part of the time
LONG_S = 300.0  # longer times are told in minutes
TICKS, TICKS_S = 9, [60.0 * minutes for minutes in (1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1440)]
Row = tuple[str, list[Visit]]


def plot_stream(instance: LoadingInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw a plan of many batches over time: requests, models, the GPU, bytes, and the queue.

    Parameters
    ----------
    instance : LoadingInstance
    plan : dict
    ax : matplotlib Axes, optional
        Where to draw what the GPU does for which model alone; default: a new figure with all.

    Returns
    -------
    matplotlib.figure.Figure
    """
    schedule = replay(instance, plan)
    rows = _rows(instance, schedule)
    end_s = max(schedule.visits[-1].end_s if schedule.visits else 0.0, *instance.deadlines(), 1e-300)
    edges = np.linspace(0.0, end_s, BINS + 1)
    served = sum(len(visit.users) for visit in schedule.visits)
    share = f" ({served / len(instance.users):.0%})" if instance.users else ""
    title = f"{in_figure(instance.name)}: {served} of {len(instance.users)} users served{share}"
    title += f" in {len(schedule.visits)} batches"
    if ax is not None:
        _draw_models(ax, rows, edges)
        _label_time(ax, end_s)
        ax.set_title(title, fontsize=10, loc="left", pad=16)
        return figure_of(ax)
    figure = Picture(figsize=(9.0, 6.0 + 0.17 * len(rows)), layout="constrained")
    ratios = [1.2, 0.17 * len(rows) + 0.3, 0.9, 0.9, 1.1]
    requests, models, gpu, loads, queue = figure.subplots(5, 1, sharex=True, height_ratios=ratios)
    _draw_requests(requests, instance, schedule, edges)
    _draw_models(models, rows, edges)
    _draw_gpu(gpu, schedule, edges)
    _draw_bytes(loads, schedule, edges)
    _draw_queue(queue, instance, schedule, edges)
    _label_time(queue, end_s)
    requests.set_title(title, fontsize=10, loc="left")
    return figure


def _label_time(ax: Axes, end_s: float) -> None:
    """Write the times below axes: in minutes where they are long."""
    minutes = end_s > LONG_S
    ax.set_xlabel("time in minutes" if minutes else "time")
    ax.xaxis.set_major_formatter((lambda value, place: f"{value / 60:g}") if minutes else EngFormatter(unit="s"))
    if minutes:
        ax.xaxis.set_major_locator(MultipleLocator(next((s for s in TICKS_S if end_s <= TICKS * s), end_s)))
    ax.set_xlim(0, end_s)


def busy_s(starts: Floats, ends: Floats, edges: Floats) -> Floats:
    """Return the seconds of intervals, one after another, in each bin between the edges."""
    if not len(starts):
        return np.zeros(len(edges) - 1)
    times = np.column_stack([starts, ends]).ravel()
    done = np.cumsum(np.column_stack([np.zeros(len(starts)), ends - starts]).ravel())
    seconds: Floats = np.diff(np.interp(edges, times, done))
    return seconds


def _rows(instance: LoadingInstance, schedule: Schedule) -> list[Row]:
    """Return the models with their visits: those that share most beside each other, the least used ones together."""
    visits: dict[str, list[Visit]] = {}
    for visit in schedule.visits:
        visits.setdefault(visit.model, []).append(visit)
    by_use = sorted(visits, key=lambda name: -sum(visit.end_s - visit.load_start_s for visit in visits[name]))
    own = by_use if len(by_use) <= MOST_ROWS else by_use[: MOST_ROWS - 1]
    sizes, models = instance.library.blocks, instance.library.models
    largest = {name: max(models[name].blocks, key=lambda block: (sizes[block], block), default="") for name in own}
    first = {block: rank for rank, block in reversed(list(enumerate(largest[name] for name in own)))}
    rows = [(name, visits[name]) for name in sorted(own, key=lambda name: (first[largest[name]], by_use.index(name)))]
    others = [name for name in by_use if name not in largest]
    if others:
        merged = sorted((visit for name in others for visit in visits[name]), key=lambda visit: visit.load_start_s)
        rows.append((f"{len(others)} other models", merged))
    return rows


def _loading(visits: list[Visit]) -> tuple[Floats, Floats]:
    return np.array([visit.load_start_s for visit in visits]), np.array([visit.load_end_s for visit in visits])


def _computing(visits: list[Visit]) -> tuple[Floats, Floats]:
    return np.array([visit.compute_start_s for visit in visits]), np.array([visit.end_s for visit in visits])


def _draw_requests(ax: Axes, instance: LoadingInstance, schedule: Schedule, edges: Floats) -> None:
    """Stack the requests of each bin by their arrival: served in time, and lost."""
    served = {user for visit in schedule.visits for user in visit.users}
    arrivals = {
        done: [facts.arrival_s for user, facts in instance.users.items() if (user in served) == done]
        for done in (True, False)
    }
    kept, lost = (np.histogram(arrivals[done], edges)[0].astype(float) for done in (True, False))
    _stack(ax, edges, [(kept, GREEN, "served in time"), (lost, VERMILION, "lost")])
    ax.set_ylabel(f"arrivals in\n{quantity(float(edges[1]), 's')}", fontsize=8)


def _draw_models(ax: Axes, rows: list[Row], edges: Floats) -> None:
    """Give each model a row: blue where the GPU computes it, orange where it loads it, the stronger the longer."""
    picture = np.ones((max(1, len(rows)), len(edges) - 1, 3))
    blue, orange = (
        np.array([int(code[place : place + 2], 16) for place in (1, 3, 5)]) / 255 for code in (BLUE, ORANGE)
    )
    width = edges[1] - edges[0]
    for place, (_, visits) in enumerate(rows):
        computing, loading = busy_s(*_computing(visits), edges) / width, busy_s(*_loading(visits), edges) / width
        both = computing + loading
        strength = np.sqrt(np.minimum(1.0, both / FULL))[:, None]
        part = np.divide(computing, both, out=np.zeros(len(both)), where=both > 0)[:, None]
        picture[place] = (1 - strength) + strength * (part * blue + (1 - part) * orange)
    ax.imshow(
        picture,
        aspect="auto",
        interpolation="nearest",
        extent=(float(edges[0]), float(edges[-1]), len(picture) - 0.5, -0.5),
    )
    ax.set_yticks(range(len(rows)), [in_figure(_short(name)) for name, _ in rows], fontsize=6.5)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    parts = [Patch(facecolor=BLUE, label="computed"), Patch(facecolor=ORANGE, label="loaded")]
    _explain(ax, parts)


def _short(name: str) -> str:
    """Leave out the middle of a long name."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[1 - half :]}"


def _draw_gpu(ax: Axes, schedule: Schedule, edges: Floats) -> None:
    """Stack the parts of the time in which the GPU computes, only loads, and idles."""
    width = edges[1] - edges[0]
    computing, loading = (busy_s(*of(schedule.visits), edges) / width for of in (_computing, _loading))
    idle = np.maximum(0.0, 1 - computing - loading)
    _stack(ax, edges, [(computing, BLUE, "computing"), (loading, ORANGE, "loading"), (idle, PALE, "idle")])
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(lambda value, position: f"{value:.0%}")
    ax.set_ylabel("GPU", fontsize=8)


def _draw_bytes(ax: Axes, schedule: Schedule, edges: Floats) -> None:
    """Stack the bytes of the models that start in a bin: found on the GPU, and loaded."""
    starts = [visit.compute_start_s for visit in schedule.visits]
    parts = [
        np.histogram(starts, edges, weights=[float(getattr(visit, key)) for visit in schedule.visits])[0]
        for key in ("reused_bytes", "loaded_bytes")
    ]
    _stack(ax, edges, [(parts[0], BLUE, "reused"), (parts[1], ORANGE, "loaded")])
    ax.yaxis.set_major_formatter(EngFormatter(unit="B"))
    ax.set_ylabel(f"parameters in\n{quantity(float(edges[1]), 's')}", fontsize=8)


def _draw_queue(ax: Axes, instance: LoadingInstance, schedule: Schedule, edges: Floats) -> None:
    """Draw how many requests wait: arrived, and neither being served nor too late."""
    leaves = {user: facts.deadline_s for user, facts in instance.users.items()}
    leaves.update({user: visit.compute_start_s for visit in schedule.visits for user in visit.users})
    arrived = np.sort([facts.arrival_s for facts in instance.users.values()])
    left = np.sort(np.array(list(leaves.values()), dtype=np.float64))
    at = np.linspace(edges[0], edges[-1], 10 * BINS + 1)
    waiting = np.searchsorted(arrived, at, side="right") - np.searchsorted(left, at, side="right")
    ax.fill_between(at, waiting, step="post", color=PALE, linewidth=0)
    ax.step(at, waiting, where="post", color=INK, linewidth=0.8)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("requests\nthat wait", fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def _stack(ax: Axes, edges: Floats, parts: list[tuple[Floats, str, str]]) -> None:
    """Draw parts one upon the other as steps, and name them."""
    below = np.zeros(len(edges) - 1)
    for values, colour, _ in parts:
        ax.stairs(below + values, edges, baseline=below, fill=True, color=colour, linewidth=0)
        below = below + values
    ax.set_ylim(0, 1.05 * float(below.max(initial=0.0)) or 1.0)
    ax.spines[["top", "right"]].set_visible(False)
    _explain(ax, [Patch(facecolor=colour, label=name) for _, colour, name in parts])


def _explain(ax: Axes, parts: list[Any]) -> None:
    ax.legend(
        handles=parts,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(parts),
        fontsize=7,
        frameon=False,
        borderaxespad=0,
        handlelength=1.2,
        columnspacing=1.2,
    )

"""Pictures and tables of `residency` plans: what is on the GPU over time, and where something is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREY, INK, ORANGE, PALE, VERMILION
from edgeopt.drawing.picture import Picture, figure_of
from edgeopt.layout import cell_of, in_cell, require_columns
from edgeopt.quantities import quantity

if TYPE_CHECKING:
    import pandas as pd

    from edgeopt.residency.instance import ResidencyInstance
    from edgeopt.solution import Plan

FRAME_COLUMNS = (
    "request",
    "model",
    "loaded_bytes",
    "loading_s",
    "kept_bytes",
    "free_bytes",
    "served",
    "reason",
    "blocks",
)
MOST_ROWS = 30  # models that have a row of their own, those with most requests first


def plot_plan(instance: ResidencyInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw what is on the GPU over time, and above it how full the memory is.

    A row is a model: a bar where all of its blocks are kept, a dot at each request that it serves at once, a triangle
    at each that loads something.

    Parameters
    ----------
    instance : ResidencyInstance
    plan : dict
    ax : matplotlib Axes, optional
        Where to draw the rows alone; default: a new figure with both.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if ax is not None:
        _draw_models(ax, instance, plan)
        return figure_of(ax)
    rows = min(MOST_ROWS, len(set(instance.requests)))
    figure = Picture(figsize=(11.0, 3.4 + 0.24 * rows), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[1.4, max(1.0, 0.24 * rows + 0.6)])
    _draw_memory(top, instance, plan)
    _draw_models(bottom, instance, plan)
    return figure


def plan_frame(instance: ResidencyInstance, plan: Plan) -> pd.DataFrame:
    """Return one row for each request: what it loads, what is kept beside its model, and what is free.

    The names of the loaded ``blocks`` stand last.
    """
    import pandas as pd

    library, loads = instance.library, {entry["request"]: entry["blocks"] for entry in plan["loads"]}
    sizes = {model: library.size_bytes(model) for model in set(instance.requests)}
    kept = _kept_bytes(instance, plan)
    rows = []
    for request, model in enumerate(instance.requests):
        blocks = loads.get(request, [])
        seconds = sum(instance.load_s[block] for block in blocks)
        seconds += instance.fixed_s.get(model, 0.0) if blocks else 0.0
        loaded = sum(library.blocks[block] for block in blocks)
        free = instance.memory_bytes - sizes[model] - int(kept[request])
        rows.append((request, model, loaded, seconds, int(kept[request]), free, True, "", cell_of(blocks)))
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype({"served": bool})


def plan_of_frame(instance: ResidencyInstance, frame: pd.DataFrame) -> Plan:
    """Return the plan of a table as `plan_frame` gives it: what is loaded at which request."""
    require_columns(frame, ("request", "blocks"))
    loads = [
        (int(request), in_cell(cell, "blocks")) for request, cell in zip(frame["request"], frame["blocks"], strict=True)
    ]
    return {"loads": [{"request": request, "blocks": blocks} for request, blocks in loads if blocks]}


def infeasible_frame(instance: ResidencyInstance) -> pd.DataFrame:
    """Return a row for each request whose model is larger than the GPU's memory, with the reason."""
    import pandas as pd

    lacking = instance.too_large()
    memory = quantity(instance.memory_bytes, "B")
    needs = {model: quantity(instance.library.size_bytes(model), "B") for model in lacking}
    reasons = {model: f"does not fit: {model!r} needs {size}, the GPU has {memory}" for model, size in needs.items()}
    rows = [
        {"request": number, "model": model, "served": False, "reason": reasons[model]}
        for number, model in enumerate(instance.requests)
        if model in lacking
    ]
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype({"served": bool})


def _spans(instance: ResidencyInstance, plan: Plan) -> dict[str, list[list[int]]]:
    """Return for each block the first and the last request of every time that it is on the GPU."""
    loaded = {(entry["request"], block) for entry in plan["loads"] for block in entry["blocks"]}
    spans: dict[str, list[list[int]]] = {}
    for request, model in enumerate(instance.requests):
        for block in instance.library.models[model].blocks:
            if (request, block) in loaded or block not in spans:
                spans.setdefault(block, []).append([request, request])
            spans[block][-1][1] = request
    return spans


def _kept_bytes(instance: ResidencyInstance, plan: Plan) -> NDArray[np.int64]:
    """Return the bytes at each request that are not its model's, shape (requests,)."""
    change = np.zeros(len(instance.requests) + 1, np.int64)
    for block, spans in _spans(instance, plan).items():
        for first, last in spans:
            change[first] += instance.library.blocks[block]
            change[last + 1] -= instance.library.blocks[block]
    own = np.array([instance.library.size_bytes(model) for model in instance.requests], np.int64)
    return np.asarray(np.cumsum(change)[:-1] - own)


def _draw_memory(ax: Axes, instance: ResidencyInstance, plan: Plan) -> None:
    kept = _kept_bytes(instance, plan).astype(float)
    own = np.array([instance.library.size_bytes(model) for model in instance.requests], float)
    at = np.arange(len(own) + 1) - 0.5
    ax.stairs(own, at, fill=True, color=ORANGE, label="the request's model")
    ax.stairs(own + kept, at, baseline=own, fill=True, color=BLUE, label="kept beside it")
    ax.axhline(instance.memory_bytes, color=VERMILION, linewidth=1.2, label="memory of the GPU")
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_formatter(EngFormatter(unit="B"))
    ax.set_ylim(0, 1.05 * max(1, instance.memory_bytes))
    ax.set_ylabel("memory")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=8)


def _draw_models(ax: Axes, instance: ResidencyInstance, plan: Plan) -> None:
    counts: dict[str, int] = {}
    for model in instance.requests:
        counts[model] = counts.get(model, 0) + 1
    shown = sorted(counts, key=lambda model: (-counts[model], model))[:MOST_ROWS]
    loading = {entry["request"] for entry in plan["loads"] if entry["blocks"]}
    spans = _spans(instance, plan)
    for row, model in enumerate(shown):
        on_gpu = _all_kept([spans.get(block, []) for block in instance.library.models[model].blocks])
        ax.broken_barh([(first, last - first) for first, last in on_gpu], (row - 0.3, 0.6), color=PALE)
    row_of = {model: row for row, model in enumerate(shown)}
    served = [
        (request, row_of[model], request in loading)
        for request, model in enumerate(instance.requests)
        if model in row_of
    ]
    for cold, marker, colour, label in ((False, ".", INK, "served at once"), (True, "v", VERMILION, "loads first")):
        points = [(request, row) for request, row, loads in served if loads == cold]
        x, y = zip(*points, strict=True) if points else ((), ())
        size = max(6.0, min(26.0, 6000.0 / max(1, len(instance.requests))))
        ax.scatter(x, y, marker=marker, s=size, color=colour, linewidths=0, label=label, zorder=3)
    ax.barh([0], [0], color=PALE, label="on the GPU")
    ax.set_yticks(range(len(shown)), [in_figure(model) for model in shown], fontsize=8)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    more = f" ({len(counts) - len(shown)} models with fewer requests are not shown)" if len(counts) > len(shown) else ""
    ax.set_xlabel(f"request{more}")
    ax.grid(axis="y", color=GREY, linewidth=0.2)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.6 / max(1, 0.24 * len(shown) + 0.6)),
        ncols=3,
        frameon=False,
        fontsize=8,
    )


def _all_kept(spans: list[list[list[int]]]) -> list[tuple[int, int]]:
    """Return when all blocks of a model are on the GPU: the spans that lie in one of each block."""
    if not spans:
        return []
    common = [(first, last) for first, last in spans[0]]
    for others in spans[1:]:
        common = [
            (max(first, start), min(last, end))
            for first, last in common
            for start, end in others
            if max(first, start) <= min(last, end)
        ]
    return common

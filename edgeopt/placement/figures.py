"""Pictures and tables of `placement` plans: what each node holds, and how full it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREEN, INK, ORANGE, PALE
from edgeopt.drawing.picture import Picture, figure_of
from edgeopt.layout import require_columns
from edgeopt.placement.reasons import missed

if TYPE_CHECKING:
    import pandas as pd

    from edgeopt.placement.instance import PlacementInstance
    from edgeopt.solution import Plan

FRAME_COLUMNS = (
    "node",
    "model",
    "size_bytes",
    "shared_bytes",
    "hit_weight",
    "exclusive_weight",
    "user",
    "missed_weight",
    "served",
    "reason",
)
NAMED_MODELS = 60  # up to so many models the map names each
INK_WEIGHT = 0.6


def plot_plan(instance: PlacementInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw how full each node is, and beside it which models it holds.

    A bar is a node's storage. It shows the bytes of blocks that one of its models holds, and those of blocks that
    several hold, which are stored once. The hatched part, which may exceed the storage, is what the latter would
    take beyond this if every model were stored whole.

    Parameters
    ----------
    instance : PlacementInstance
    plan : dict
    ax : matplotlib Axes, optional
        Where to draw the bars alone; default: a new figure with both.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if ax is not None:
        _draw_storage(ax, instance, plan)
        return figure_of(ax)
    figure = Picture(figsize=(10.0, max(2.8, 1.4 + 0.32 * len(instance.nodes))), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 4])
    _draw_storage(left, instance, plan)
    _draw_models(right, instance, plan)
    return figure


def plan_frame(instance: PlacementInstance, plan: Plan) -> pd.DataFrame:
    """Return one row for each placed model: its bytes, those that it shares on the node, and the weight that it hits.

    `hit_weight` counts all demand that the model on the node can hit, `exclusive_weight` what no other node hits. Then
    comes a row for each demand that no node hits: its user, model, weight, and the reason.
    """
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for node, models in plan["placed"].items():
        for model in models:
            size = instance.library.size_bytes(model)
            others = [other for other in models if other != model]
            joint = instance.library.union_bytes(models) - instance.library.union_bytes(others)
            hit, exclusive = _weights(instance, plan, node, model)
            rows.append((node, model, size, size - joint, hit, exclusive, None, None, True, ""))
    for demand, reason in missed(instance, plan):
        size = instance.library.size_bytes(demand.model)
        rows.append((None, demand.model, size, None, None, None, demand.user, demand.weight, False, reason))
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype({"served": bool})


def plan_of_frame(instance: PlacementInstance, frame: pd.DataFrame) -> Plan:
    """Return the plan of a table as `plan_frame` gives it; rows without a node are not placed."""
    require_columns(frame, ("node", "model"))
    placed: dict[str, list[str]] = {}
    for node, model in zip(frame["node"], frame["model"], strict=True):
        if isinstance(node, str):
            placed.setdefault(node, []).append(str(model))
    return {"placed": placed}


def _weights(instance: PlacementInstance, plan: Plan, node: str, model: str) -> tuple[float, float]:
    hit = exclusive = 0.0
    for row in instance.demand:
        if row.model == model and node in row.nodes:
            hit += row.weight
            if not any(model in plan["placed"].get(other, []) for other in row.nodes if other != node):
                exclusive += row.weight
    return hit, exclusive


def _storage_parts(instance: PlacementInstance, models: list[str]) -> tuple[int, int, int]:
    """Return the bytes of blocks that one model holds, that several hold, and of all copies if models were whole."""
    holders: dict[str, int] = {}
    for model in models:
        for block in instance.library.models[model].blocks:
            holders[block] = holders.get(block, 0) + 1
    sizes = instance.library.blocks
    own = sum(sizes[block] for block, count in holders.items() if count == 1)
    shared = sum(sizes[block] for block, count in holders.items() if count > 1)
    return own, shared, sum(sizes[block] * count for block, count in holders.items())


def _draw_storage(ax: Axes, instance: PlacementInstance, plan: Plan) -> None:
    parts = np.array([_storage_parts(instance, plan["placed"].get(node, [])) for node in instance.nodes], dtype=float)
    own, shared, whole = parts.reshape(-1, 3).T
    storage = np.array([node.storage_bytes for node in instance.nodes.values()], dtype=float)
    rows = np.arange(len(storage))
    ax.barh(rows, storage, color=PALE, height=0.8, label="free")
    ax.barh(rows, own, color=BLUE, height=0.8, label="held by one model")
    ax.barh(rows, shared, left=own, color=ORANGE, height=0.8, label="shared, stored once")
    ax.barh(
        rows,
        whole - own - shared,
        left=own + shared,
        facecolor="none",
        edgecolor=INK,
        hatch="///",
        linewidth=0.4,
        height=0.5,
        label="saved by sharing",
    )
    for row in rows:
        used = (own[row] + shared[row]) / storage[row] if storage[row] else 0.0
        ax.annotate(f"{used:.0%}", (0, row), (4, 0), textcoords="offset points", va="center", color="white", size=8)
    ax.set_yticks(rows, [in_figure(node) for node in instance.nodes])
    ax.invert_yaxis()
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(EngFormatter(unit="B"))
    ax.set_xlabel("storage, in bytes")
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.18 if len(rows) > 6 else -0.3), ncols=2, frameon=False, fontsize=8
    )


def _draw_models(ax: Axes, instance: PlacementInstance, plan: Plan) -> None:
    """Map of nodes and placed models, the models by the number of nodes that hold them."""
    counts: dict[str, int] = {}
    for models in plan["placed"].values():
        for model in models:
            counts[model] = counts.get(model, 0) + 1
    order = sorted(counts, key=lambda model: (-counts[model], model))
    for row, node in enumerate(instance.nodes):
        held = [order.index(model) for model in plan["placed"].get(node, [])]
        ax.scatter(
            held, [row] * len(held), marker="s", s=max(6.0, min(60.0, 5000 / max(1, len(order)) ** 1.2)), color=GREEN
        )
    for row in range(len(instance.nodes)):
        ax.axhline(row, color=PALE, linewidth=INK_WEIGHT, zorder=0)
    ax.set_xlim(-0.7, max(0.7, len(order) - 0.3))
    if len(order) <= NAMED_MODELS:
        ax.set_xticks(range(len(order)), [in_figure(model) for model in order], rotation=90, fontsize=7)
    else:
        ax.set_xticks([])
    ax.set_xlabel(f"{len(order)} models placed, those on most nodes first")
    ax.tick_params(labelleft=False)

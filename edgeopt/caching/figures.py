"""Pictures of `caching`: which node caches which block, the users' delays, and who sends together."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

import numpy as np

from edgeopt.caching.checker import Delivery, evaluate
from edgeopt.caching.instance import CachingInstance
from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, PALE, VERMILION
from edgeopt.layout import cell_of, in_cell, require_columns
from edgeopt.quantities import quantity
from edgeopt.solution import Plan

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MIGRATION_COLOUR, BROADCAST_COLOUR, CACHED_COLOUR, WANTED_COLOUR = VERMILION, BLUE, BLUE, PALE
LEGIBLE_NAMES = 60
FRAME_COLUMNS = (
    "scenario",
    "block",
    "size_bytes",
    "nodes",
    "users",
    "migration_s",
    "broadcast_s",
    "rate_bps",
    "weakest_user",
    "served",
    "reason",
    "cached_at",
    "beamformer",
)
PLAN_COLUMNS = ("scenario", "block", "cached_at", "beamformer")


def plot_plan(instance: CachingInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw the cache map, the users' expected delays and who sends together; in given axes the map alone."""
    from edgeopt.drawing.picture import Picture, figure_of

    if ax is not None:
        plot_caches(instance, plan, ax)
        return figure_of(ax)

    figure = Picture(figsize=(12, 7.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[max(1.0, 0.3 + 0.12 * len(instance.nodes)), 2.0])
    plot_caches(instance, plan, figure.add_subplot(grid[0, :]))
    plot_delays(instance, plan, figure.add_subplot(grid[1, 0]))
    plot_cooperation(instance, plan, figure.add_subplot(grid[1, 1]))
    figure.suptitle(f"{in_figure(instance.name)}: caches, delays and cooperation")
    return figure


def plot_caches(instance: CachingInstance, plan: Plan, ax: Axes) -> None:
    """Draw nodes by requested blocks: a column is as wide as the block's bytes, and filled where it is cached."""
    from matplotlib.patches import Rectangle

    requested = {block for scenario in range(len(instance.scenarios)) for block in instance.requesters(scenario)}
    blocks = [block for block in instance.library.blocks if block in requested]
    blocks.sort(key=lambda block: -sum(block in held for held in plan["cached"].values()))
    sizes = np.array([instance.library.blocks[block] for block in blocks]) / 1e6
    left = np.concatenate([[0.0], np.cumsum(sizes)])
    for row, name in enumerate(instance.nodes):
        held = set(plan["cached"].get(name, ()))
        for column, block in enumerate(blocks):
            colour = CACHED_COLOUR if block in held else WANTED_COLOUR
            ax.add_patch(
                Rectangle((left[column], row - 0.4), sizes[column], 0.8, facecolor=colour, edgecolor="white", lw=0.5)
            )
    labels = []
    for name, node in instance.nodes.items():
        used = sum(instance.library.blocks[block] for block in plan["cached"].get(name, ()))
        labels.append(f"{name}  {used / node.storage_bytes:.0%}" if node.storage_bytes else name)
    ax.set_yticks(range(len(labels)), [in_figure(label) for label in labels])
    ax.set_xlim(0, max(left[-1], 1e-9))
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.set_xlabel("requested blocks, those cached at most nodes first; width is size, MB")
    ax.set_ylabel("node, storage used")
    ax.set_title("cached blocks", loc="left")
    ax.spines[["top", "right"]].set_visible(False)


def plot_delays(instance: CachingInstance, plan: Plan, ax: Axes) -> None:
    """Draw the expected delay of each user, split into waiting for migration and broadcast."""
    migration, broadcast = user_delays(instance, plan)
    users = sorted(migration, key=lambda user: migration[user] + broadcast[user])
    waits = [migration[user] for user in users]
    places = np.arange(len(users))
    ax.barh(places, waits, color=MIGRATION_COLOUR, label="migration or cloud")
    ax.barh(places, [broadcast[user] for user in users], left=waits, color=BROADCAST_COLOUR, label="broadcast")
    legible = len(users) <= LEGIBLE_NAMES
    ax.set_yticks(places if legible else [], [in_figure(user) for user in users] if legible else [])
    ax.tick_params(axis="y", labelsize=min(9.0, 240 / max(1, len(users))))
    ax.set_xlabel("expected downloading delay, s")
    ax.set_ylabel("user")
    ax.set_title("delay of each user", loc="left")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, borderaxespad=0.2)
    ax.spines[["top", "right"]].set_visible(False)


def plot_cooperation(instance: CachingInstance, plan: Plan, ax: Axes) -> None:
    """Draw nodes on a circle; lines join nodes that send together, as wide as the expected bytes they send so."""
    names = list(instance.nodes)
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / len(names)
    place = {name: (float(np.cos(angle)), float(np.sin(angle))) for name, angle in zip(names, angles, strict=True)}
    together: dict[tuple[str, str], float] = {}
    sent = dict.fromkeys(names, 0.0)
    for delivery in evaluate(instance, plan).deliveries:
        share = instance.scenarios[delivery.scenario].probability * instance.library.blocks[delivery.block]
        for node in delivery.nodes:
            sent[node] += share
        for index, first in enumerate(delivery.nodes):
            for second in delivery.nodes[index + 1 :]:
                pair = (first, second) if names.index(first) < names.index(second) else (second, first)
                together[pair] = together.get(pair, 0.0) + share
    most = max([*together.values(), *sent.values(), 1.0])
    for (first, second), amount in together.items():
        (x0, y0), (x1, y1) = place[first], place[second]
        ax.plot([x0, x1], [y0, y1], color=BROADCAST_COLOUR, lw=0.5 + 7 * amount / most, alpha=0.55, zorder=1)
    for name, (x, y) in place.items():
        ax.scatter([x], [y], s=80 + 700 * sent[name] / most, color=BROADCAST_COLOUR, edgecolor="white", zorder=2)
        ax.annotate(
            f"{in_figure(name)}\n{quantity(sent[name], 'B')}",
            (1.42 * x, 1.28 * y),
            ha="center",
            va="center",
            fontsize=8,
        )
    ax.set_xlim(-1.8, 1.8)
    ax.set_ylim(-1.5, 1.5)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title("who sends together: expected bytes in each scenario", loc="left")


def user_delays(instance: CachingInstance, plan: Plan) -> tuple[dict[str, float], dict[str, float]]:
    """Return the expected seconds that each user waits for migrations, and for broadcasts."""
    deliveries = evaluate(instance, plan).deliveries
    migration: dict[str, list[float]] = {user: [] for user in instance.users}
    broadcast: dict[str, list[float]] = {user: [] for user in instance.users}
    for delivery in deliveries:
        probability = instance.scenarios[delivery.scenario].probability
        for user in delivery.users:
            migration[user].append(probability * delivery.migration_s)
            broadcast[user].append(probability * delivery.broadcast_s)
    return (
        {user: fsum(parts) for user, parts in migration.items()},
        {user: fsum(parts) for user, parts in broadcast.items()},
    )


def plan_frame(instance: CachingInstance, plan: Plan) -> pd.DataFrame:
    """Return the plan as a table, one row for each delivery; a plan serves all."""
    import pandas as pd

    beams = {(sent["scenario"], sent["block"]): sent["beamformer"] for sent in plan["deliveries"]}
    rows = [
        {
            **_row(instance, delivery),
            "cached_at": cell_of([node for node, blocks in plan["cached"].items() if delivery.block in blocks]),
            "beamformer": cell_of(beams[delivery.scenario, delivery.block]),
        }
        for delivery in evaluate(instance, plan).deliveries
    ]
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype({"served": bool})


def plan_of_frame(instance: CachingInstance, frame: pd.DataFrame) -> Plan:
    """Return the plan of a table as `plan_frame` gives it: where blocks are cached, who sends them, and the beams."""
    require_columns(frame, PLAN_COLUMNS)
    cached: dict[str, list[str]] = {node: [] for node in instance.nodes}
    deliveries = []
    for scenario, block, at, beams in zip(*(frame[name] for name in PLAN_COLUMNS), strict=True):
        for node in in_cell(at, "cached_at") or []:
            if str(block) not in cached.setdefault(str(node), []):
                cached[str(node)].append(str(block))
        beamformer = in_cell(beams, "beamformer") or {}
        sent = {"scenario": int(scenario), "block": str(block), "nodes": list(beamformer), "beamformer": beamformer}
        deliveries.append(sent)
    return {"cached": cached, "deliveries": deliveries}


def infeasible_frame(instance: CachingInstance) -> pd.DataFrame:
    """Return a row for each user who keeps the instance from having a plan, with the reason."""
    import pandas as pd

    from edgeopt.caching.outreach import out_of_reach
    from edgeopt.caching.tables import DelayTables
    from edgeopt.run import Run

    unreached = out_of_reach(DelayTables(instance, Run(maximize=False)))
    users, reason = unreached if unreached is not None else ([], "")
    rows = [{"users": user, "served": False, "reason": reason} for user in users]
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype({"served": bool})


def _row(instance: CachingInstance, delivery: Delivery) -> dict[str, object]:
    return {
        "scenario": delivery.scenario,
        "block": delivery.block,
        "size_bytes": instance.library.blocks[delivery.block],
        "nodes": " ".join(delivery.nodes),
        "users": " ".join(delivery.users),
        "migration_s": delivery.migration_s,
        "broadcast_s": delivery.broadcast_s,
        "rate_bps": delivery.rate_bps,
        "weakest_user": delivery.weakest,
        "served": True,
        "reason": "",
    }

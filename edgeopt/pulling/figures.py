"""Pictures of `pulling`: the network with what each cloudlet pulls and serves; and the plan as a table."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import TYPE_CHECKING, Any

from edgeopt.drawing.labels import place_labels
from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREY, INK, VERMILION
from edgeopt.layout import require_columns
from edgeopt.pulling.checker import Service, serve
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.reasons import unserved
from edgeopt.quantities import quantity
from edgeopt.solution import Plan

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FRAME_COLUMNS = ("request", "node", "count", "model", "site", "served", "reason")
LABELLED_SITES = 40
NAMED_MODELS, NAME_CHARACTERS = 2, 22
CHARACTER, LINE = 4.3, 10.0  # width of a character and height of a line of labels, in points
LINKS = "#B8BEC4"
DRAWN_NODES = 400


def plan_frame(instance: PullingInstance, plan: Plan) -> pd.DataFrame:
    """Return a row for each request: node, count, model and site; a plan serves all."""
    import pandas as pd

    rows = [
        {
            "request": name,
            "node": request.node,
            "count": request.count,
            "model": plan["assignments"][name]["model"],
            "site": plan["assignments"][name]["site"],
            "served": True,
            "reason": "",
        }
        for name, request in instance.requests.items()
    ]
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype({"served": bool}).set_index("request")


def plan_of_frame(instance: PullingInstance, frame: pd.DataFrame) -> Plan:
    """Return the plan of a table as `plan_frame` gives it: the requests as index or column, ``model`` and ``site``."""
    table = frame.reset_index() if frame.index.name == "request" else frame
    require_columns(table, ("request", "model", "site"))
    rows = zip(table["request"], table["model"], table["site"], strict=True)
    return {"assignments": {str(name): {"model": str(model), "site": str(site)} for name, model, site in rows}}


def infeasible_frame(instance: PullingInstance) -> pd.DataFrame:
    """Return a row for each request that keeps the instance from having a plan, with the reason."""
    import pandas as pd

    rows = [
        {
            "request": name,
            "node": instance.requests[name].node,
            "count": instance.requests[name].count,
            "served": False,
            "reason": reason,
        }
        for name, reason in unserved(instance).items()
    ]
    return pd.DataFrame(rows, columns=list(FRAME_COLUMNS)).astype({"served": bool}).set_index("request")


def _label(instance: PullingInstance, service: Service, site: str, pulled_bytes: int) -> str:
    """Say what a cloudlet pulls, and for which models."""
    models = sorted(service.used.get(site, ()))
    shown = ", ".join(_short(name) for name in models[:NAMED_MODELS])
    more = f" and {len(models) - NAMED_MODELS} more" if len(models) > NAMED_MODELS else ""
    return f"{site}: pulls {quantity(pulled_bytes, 'B')}\n{shown}{more}"


def _short(name: str) -> str:
    """Return a name without its middle where it is long: names of one family differ at their end."""
    if len(name) <= NAME_CHARACTERS:
        return name
    end = NAME_CHARACTERS // 2
    return f"{name[: NAME_CHARACTERS - end - 1]}…{name[-end:]}"


def _draw_links(ax: Axes, instance: PullingInstance, network: Any, position: Mapping[str, Any]) -> list[Line2D]:
    """Draw links, the wider the faster, and return marks that say which widths are which rates."""
    import networkx as nx
    from matplotlib.lines import Line2D

    rates: dict[frozenset[str], float] = {}
    for link in instance.links:
        ends = frozenset(link.between)
        rates[ends] = max(rates.get(ends, 0.0), link.bandwidth_bps)
    drawn = [(first, second) for first, second in network.edges if frozenset((first, second)) in rates]
    known = [rates[frozenset(ends)] for ends in drawn]
    if not known:
        return []
    low, high = min(known), max(known)

    def width(rate: float) -> float:
        return 1.0 if low == high else 0.4 + 2.0 * log(rate / low) / log(high / low)

    widths = [width(rate) for rate in known]
    nx.draw_networkx_edges(network, position, edgelist=drawn, ax=ax, edge_color=LINKS, width=widths)
    shown = dict.fromkeys([low, (low * high) ** 0.5, high] if high > 4 * low else [low, high])
    return [
        Line2D([], [], color=LINKS, linewidth=width(rate), label=f"link of {quantity(rate, 'bit/s')}") for rate in shown
    ]


def _draw_labels(ax: Axes, position: Mapping[str, Any], labels: Mapping[str, str], areas: Mapping[str, float]) -> None:
    """Write labels beside their nodes where they cover neither each other nor nodes."""
    from edgeopt.drawing.picture import figure_of

    figure = figure_of(ax)
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    places = {node: ax.transData.transform(position[node]) * scale for node in position}
    names = sorted(labels, key=lambda node: -areas[node])
    lines = {node: in_figure(labels[node]).split("\n") for node in names}
    sizes = [(CHARACTER * max(map(len, lines[node])), LINE * len(lines[node])) for node in names]
    radii = [areas[node] ** 0.5 / 2 for node in names]
    rest = [
        (x - r, y - r, x + r, y + r)
        for node, (x, y) in places.items()
        if node not in labels
        for r in [areas.get(node, 12) ** 0.5 / 2]
    ]
    points = [(float(places[node][0]), float(places[node][1])) for node in names]
    box = ax.get_window_extent()
    within = (box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale)
    placed = place_labels(points, radii, sizes, others=rest, within=within)
    for node, point, (x, y) in zip(names, points, placed, strict=True):
        ax.annotate(
            "\n".join(lines[node]),
            position[node],
            (x - point[0], y - point[1]),
            textcoords="offset points",
            ha="center",
            va="center",
            size=7.5,
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.5, "shrinkA": 0, "shrinkB": 2},
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
        )


def plot_plan(instance: PullingInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw the network; a cloudlet's area grows with the requests it serves, its label states what it pulls.

    Models are named for which it pulls. Links are the wider the faster.

    Arrows go from cloudlets that send blocks to those that pull them, broader for more bytes. Large networks are drawn
    without the nodes that are neither cloudlets nor the cloud.
    """
    import networkx as nx
    from matplotlib.lines import Line2D

    from edgeopt.drawing.picture import axes_in, figure_of

    ax = axes_in(ax, 9.0, 7.0)
    service = serve(instance, plan)
    served = dict.fromkeys([*instance.cloudlets, instance.cloud.name], 0)
    for name, choice in plan["assignments"].items():
        served[choice["site"]] += instance.requests[name].count
    sites = set(served)
    network: nx.Graph[str] = nx.Graph()
    small = len(instance.nodes) <= DRAWN_NODES
    network.add_nodes_from(node for node in instance.nodes if small or node in sites)
    network.add_edges_from(
        (link.between[0], link.between[1]) for link in instance.links if small or set(link.between) <= sites
    )
    position = (
        nx.kamada_kawai_layout(network) if small and nx.is_connected(network) else nx.spring_layout(network, seed=0)
    )
    total = max(1, sum(served.values()))
    areas = {site: 60 + 4000 * requests / total for site, requests in served.items()}
    marks = _draw_links(ax, instance, network, position)
    others = [node for node in network if node not in sites]
    if others:
        marks.append(
            Line2D([], [], color=GREY, linestyle="", marker="o", markersize=3.5, label="node without cloudlet")
        )
    ax.legend(handles=marks, loc="lower left", fontsize=8, frameon=False)
    nx.draw_networkx_nodes(network, position, nodelist=others, node_size=12, node_color=GREY, ax=ax)
    pulled = {
        site: sum(instance.library.blocks[block] for block in service.pulled.get(site, ()))
        for site in instance.cloudlets
    }
    drawn = nx.draw_networkx_nodes(
        network,
        position,
        nodelist=list(instance.cloudlets),
        node_size=[areas[site] for site in instance.cloudlets],
        node_color=[pulled[site] / max(1, cloudlet.memory_bytes) for site, cloudlet in instance.cloudlets.items()],
        cmap="viridis",
        vmin=0,
        vmax=1,
        alpha=0.85,
        edgecolors=INK,
        linewidths=0.6,
        ax=ax,
    )
    _draw_transfers(instance, service, position, ax)
    cloud = instance.cloud.name
    nx.draw_networkx_nodes(network, position, [cloud], areas[cloud], VERMILION, node_shape="s", ax=ax)
    if drawn is not None:
        figure_of(ax).colorbar(drawn, ax=ax, label="memory filled by pulled blocks", shrink=0.7)
    ax.margins(0.16)
    if len(instance.cloudlets) <= LABELLED_SITES:
        labels = {site: _label(instance, service, site, pulled[site]) for site in instance.cloudlets if served[site]}
        _draw_labels(ax, position, {**labels, cloud: cloud}, areas)
    at_edge = total - served[cloud]
    arrows = "" if instance.sources == "cloud" else "\narrows: blocks that cloudlets send"
    ax.set_title(
        f"{in_figure(instance.name)}: {at_edge} of {total} requests at cloudlets, area by requests served{arrows}",
        fontsize=10,
        loc="left",
    )
    ax.set_axis_off()
    return figure_of(ax)


def _draw_transfers(instance: PullingInstance, service: Service, position: dict[str, Any], ax: Axes) -> None:
    """Draw an arrow from each cloudlet to each that pulls blocks from it."""
    import networkx as nx

    sent: dict[tuple[str, str], int] = {}
    for site, held in service.pulled.items():
        for block, sender in held.items():
            if sender in instance.cloudlets:
                sent[sender, site] = sent.get((sender, site), 0) + instance.library.blocks[block]
    if sent:
        most = max(1, *sent.values())
        nx.draw_networkx_edges(
            nx.DiGraph(sent.keys()),
            position,
            ax=ax,
            edgelist=list(sent),
            width=[0.5 + 2.5 * size / most for size in sent.values()],
            edge_color=BLUE,
            alpha=0.7,
            connectionstyle="arc3,rad=0.15",
        )

"""Pictures of `pulling`: the network with what each cloudlet pulls and serves; and the plan as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREY, INK, PALE, VERMILION
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

FRAME_COLUMNS = ("request", "node", "count", "model", "site", "served", "reason")
LABELLED_SITES = 40
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


def plot_plan(instance: PullingInstance, plan: Plan, ax: Axes | None = None) -> Figure:
    """Draw the network; a cloudlet's area grows with the requests it serves, its label states models and bytes pulled.

    Arrows go from cloudlets that send blocks to those that pull them, broader for more bytes. Large networks are drawn
    without the nodes that are neither cloudlets nor the cloud.
    """
    import networkx as nx

    from edgeopt.drawing.picture import Picture

    figure: Any = Picture(figsize=(9.0, 7.0), layout="constrained") if ax is None else ax.get_figure(root=True)
    ax = figure.subplots() if ax is None else ax
    assert ax is not None
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
    nx.draw_networkx_edges(network, position, ax=ax, edge_color=PALE, width=0.8)
    others = [node for node in network if node not in sites]
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
        figure.colorbar(drawn, ax=ax, label="memory filled by pulled blocks", shrink=0.7)
    if len(instance.cloudlets) <= LABELLED_SITES:
        labels = {
            site: f"{site}\nmodels: {len(service.used.get(site, ()))}, {quantity(pulled[site], 'B')}"
            for site in instance.cloudlets
            if served[site]
        }
        for site, label in {**labels, cloud: cloud}.items():
            below = (0.0, -3 - areas[site] ** 0.5 / 2)
            ax.annotate(
                in_figure(label),
                (position[site][0], position[site][1]),
                below,
                textcoords="offset points",
                ha="center",
                va="top",
                size=8,
            )
    at_edge = total - served[cloud]
    arrows = "" if instance.sources == "cloud" else "\narrows: blocks that cloudlets send"
    ax.set_title(
        f"{in_figure(instance.name)}: {at_edge} of {total} requests at cloudlets, area by requests served{arrows}"
    )
    ax.set_axis_off()
    shown: Figure = figure
    return shown


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

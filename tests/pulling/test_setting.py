"""Drawn holders and sites, and the setting of the authors' code."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

import edgeopt
from edgeopt.errors import UsageError
from edgeopt.pulling.checker import serve
from edgeopt.pulling.generator import generate
from edgeopt.pulling.tpds2025.drawing import Drawing
from edgeopt.pulling.tpds2025.setting import Setting, draw
from tests.cli.program import run
from tests.measured.data import STATIONS, USERS

INSTANCES = Path(__file__).parents[2] / "instances"
SMALL = Setting(requests=12, models=6, cloudlets=9, service_types=2, copies=3)


def reported_delays(drawing: Drawing) -> np.ndarray:
    """Say what each request takes with each model, straight from the description of the setting."""
    graph = nx.Graph()
    graph.add_weighted_edges_from(drawing.links)
    away = dict(nx.all_pairs_dijkstra_path_length(graph))
    delays = np.empty(drawing.accuracy.shape)
    for request, home in enumerate(drawing.home.tolist()):
        for model, size in enumerate(drawing.size.tolist()):
            alike = drawing.service_type == drawing.service_type[model]
            near = [
                min(away[home][site] for site in np.flatnonzero(holders))
                for holders in (drawing.holds[alike].any(axis=0), drawing.holds[model])
            ]
            pulling = max(size * 2 / 3 * near[0], size / 3 * near[1])
            own = drawing.inference[request, model] + drawing.transmission[request, model]
            delays[request, model] = pulling + own + drawing.queue[home]
    return delays


@pytest.mark.parametrize("seed", range(6))
def test_the_instance_is_the_setting(seed):
    drawing = draw(SMALL, seed)
    delays = reported_delays(drawing)
    pulling = drawing.pulling(drawing.nearest(drawing.shares), drawing.nearest(drawing.holds))
    assert drawing.delay(pulling) == pytest.approx(delays)
    usable = drawing.fits & (drawing.accuracy >= drawing.floor[:, None])
    usable &= drawing.cost(pulling) <= drawing.budget[:, None]
    expected = np.where(usable, delays, np.inf).min(axis=1).sum()
    if not drawing.fits.any(axis=1).all():
        with pytest.raises(UsageError, match="no model fits"):
            drawing.instance("setting")
        return
    solution = edgeopt.solve(drawing.instance("setting"), threads=1)
    assert (solution.status == "infeasible") == (not np.isfinite(expected))
    if np.isfinite(expected):
        assert solution.status == "optimal"
        assert solution.objective == pytest.approx(expected, rel=1e-6)  # sizes are whole bytes
        assert "needs no solver" in solution.message
        assert solution.metrics["peer_bytes"] == solution.metrics["pulled_bytes"]
        chosen = [int(choice["model"][1:]) - 1 for choice in solution.plan["assignments"].values()]
        costs = drawing.cost(pulling)[np.arange(len(chosen)), chosen]
        assert solution.metrics["cost"] == pytest.approx(costs.sum())


def test_distributions():
    drawing = draw(Setting(requests=400, models=100, cloudlets=60), 1)
    assert 5 <= drawing.size.min() <= 6 < 19 <= drawing.size.max() <= 20
    assert set(np.unique(drawing.holds.sum(axis=1))) == {1, 2, 3}
    assert len(set(drawing.service_type.tolist())) == 10
    assert np.isfinite(drawing.distance).all()
    assert {u for link in drawing.links for u in link[:2]} == set(range(61))
    assert all(9.9 < w < 20.1 if v == 60 else 4.9 < w < 10.1 for _, v, w in drawing.links)
    assert 0.4 <= drawing.accuracy.min() < 0.41
    assert set(drawing.capacity) <= set(range(8, 25))
    empty = np.bincount(drawing.home, minlength=60) == 0
    assert (drawing.queue[empty] == 0).all()
    assert (drawing.queue[~empty] > 0).all()
    assert (draw(Setting(capacity_gb=30.0), 1).capacity == 30).all()


def test_same_seed_same_setting():
    arguments = {"setting": "tpds2025", "cloudlets": 20, "requests": 30, "models": 30}
    assert generate(**arguments, seed=1) == generate(**arguments, seed=1)
    assert generate(**arguments, seed=1) != generate(**arguments, seed=2)


def test_setting_from_files_and_its_errors(tmp_path):
    for name, text in {"stations": STATIONS, "users": USERS}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    options = ["--setting", "tpds2025", "--cloudlets", 3, "--requests", 9, "--models", 20]
    command = ["generate", "pulling", *options, "--stations", tmp_path / "stations.csv"]
    output = tmp_path / "drawn.json"
    assert run(*command, "--user-positions", tmp_path / "users.csv", "-o", output)[0] == 0
    instance = edgeopt.read(output)
    assert set(instance.cloudlets) <= {"site7", "site8", "site9", "site11"}
    for wrong, told in [
        ([], "there are no users"),
        (["--user-positions", tmp_path / "users.csv", "--cloudlets", 5], "4 stations: the setting needs 5"),
        (["--compute", "limited"], "--compute: the setting draws this itself"),
        (["--copies", 4], "4 of 3 cloudlets"),
    ]:
        code, _, err = run(*command, *wrong, "-o", tmp_path / "no.json")
        assert code == 2, err
        assert told in err
    with pytest.raises(UsageError, match="needs 'setting'"):
        generate(copies=2)


def test_figures_draw_what_cloudlets_send(tmp_path):
    instance = edgeopt.read(INSTANCES / "pulling" / "resnet-freeze-12x100-peers.json")
    solution = edgeopt.solve(instance, "greedy")
    assert solution.metrics["peer_bytes"] > 0
    figure = solution.plot()
    assert "arrows" in figure.axes[0].get_title(loc="left")
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    pairs = {
        (sender, site)
        for site, held in serve(instance, solution.plan).pulled.items()
        for sender in held.values()
        if sender in instance.cloudlets
    }
    assert len(arrows) == len(pairs) > 0
    figure.savefig(tmp_path / "plan.png")


def test_drawn_residents_and_sites():
    plain = generate(cloudlets=5, requests=30, models=18, seed=2)
    instance = generate(
        cloudlets=5,
        requests=30,
        models=18,
        seed=2,
        sources="any",
        waiting="serial",
        resident_fraction=0.4,
        near_sites=2,
    )
    assert (instance.sources, instance.waiting) == ("any", "serial")
    assert instance.links == plain.links
    sizes, held = instance.library.blocks, 0
    for cloudlet in instance.cloudlets.values():
        taken = sum(sizes[block] for block in cloudlet.resident or ())
        assert taken <= 0.4 * cloudlet.memory_bytes
        held += taken > 0
    assert held >= 3
    graph = nx.Graph()
    for link in instance.links:
        graph.add_edge(*link.between, weight=1 / link.bandwidth_bps)
    for request in instance.requests.values():
        away = nx.single_source_dijkstra_path_length(graph, request.node)
        assert len(request.sites) == 2
        others = [away[site] for site in instance.cloudlets if site not in request.sites]
        assert max(away[site] for site in request.sites) <= min(others) + 1e-18

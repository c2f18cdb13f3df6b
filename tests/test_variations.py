"""Variations of instances: paths with wildcards, factors, differences, units, grids; and what they would bring."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

import edgeopt
from edgeopt.caching.generator import generate as caching
from edgeopt.loading.generator import generate as loading
from edgeopt.pulling.generator import generate as pulling
from edgeopt.quantities import parsed
from edgeopt.sensitivity import number_of_runs
from edgeopt.variations import Variation, varied
from tests.cli.program import run
from tests.plans import two_models

TINY = Path(__file__).parents[1] / "instances" / "loading" / "tiny.json"


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("8GB", "B", 8e9),
        ("8 GiB", "B", 8 * 2.0**30),
        ("1.5kB", "B", 1500.0),
        ("12", "B", 12.0),
        ("250 ms", "s", 0.25),
        ("1e3us", "s", 1e-3),
        (".5", "", 0.5),
        ("20MHz", "Hz", 2e7),
        ("3Gbit/s", "bit/s", 3e9),
        ("-2GB", "B", -2e9),
    ],
)
def test_quantities_are_read(text: str, unit: str, value: float) -> None:
    assert parsed(text, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "unit"), [("8Gb", "B"), ("", "B"), ("x", "s"), ("3ks", "s"), ("5 B", "Hz"), ("1GB", "")]
)
def test_what_is_no_quantity_is_an_error(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parsed(text, unit)


def test_wildcards_factors_and_differences_change_what_they_name() -> None:
    instance = loading("tree", 6, 20, seed=1)
    changes = {"server.memory_bytes": ["x0.5", "+2GB"], "users.u0*.deadline_s": ["x2"], "bandwidth_hz": "-1kHz"}
    found = list(varied(instance, changes))
    assert [v.instance.server.memory_bytes for v in found] == [
        round(instance.server.memory_bytes / 2),
        instance.server.memory_bytes + 2 * 10**9,
    ]
    assert found[0].values == {
        "server.memory_bytes": round(instance.server.memory_bytes / 2),
        "users.u0*.deadline_s": "x2",
        "bandwidth_hz": instance.bandwidth_hz - 1000,
    }
    for name, user in instance.users.items():
        factor = 2 if name.startswith("u0") else 1
        assert found[1].instance.users[name].deadline_s == factor * user.deadline_s
    assert instance.replace(**instance.paths("users.*.deadline_s")) == instance


def test_several_instances_and_variations_are_varied_each() -> None:
    instance = two_models()
    drawings = [
        Variation({"seed": seed}, instance.replace(bandwidth_hz=instance.bandwidth_hz + seed)) for seed in (1, 2)
    ]
    found = list(varied([*drawings, instance], {"server.memory_bytes": ["x1", "x2"]}))
    size = instance.server.memory_bytes
    sizes = [{"server.memory_bytes": size}, {"server.memory_bytes": 2 * size}]
    assert [each.values for each in found] == [{"seed": 1} | s for s in sizes] + [
        {"seed": 2} | s for s in sizes
    ] + sizes
    assert [each.instance.bandwidth_hz - instance.bandwidth_hz for each in found] == [1, 1, 2, 2, 0, 0]
    assert [each.instance.server.memory_bytes for each in found] == [size, 2 * size] * 3


def test_the_legend_of_a_what_if_has_units() -> None:
    result = edgeopt.whatif(two_models(), {"server.memory_bytes": ["x2"], "bandwidth_hz": ["120MHz"]})
    legend = result.plot().axes[0].get_legend()
    assert legend is not None
    assert any(text.get_text().endswith("=120 MHz") for text in legend.get_texts())


def test_weights_become_fractions_only_where_they_must() -> None:
    weighted = next(varied(two_models(), {"users.*.weight": 3})).instance
    same, half = (each.instance for each in varied(weighted, {"users.*.weight": ["x1", "x0.5"]}))
    assert same.sha256 == weighted.sha256
    assert {user.weight for user in half.users.values()} == {1.5}
    assert len(edgeopt.whatif(weighted, {"users.*.weight": ["x1", "x2"]}).rows) == 2


def test_lists_optional_keys_and_modes_can_be_varied() -> None:
    network = pulling(cloudlets=4, requests=6)
    network = network.replace(**{f"cloudlets.{next(iter(network.cloudlets))}.compute_flops": 1e12})
    fast = next(varied(network, {"links[*].bandwidth_bps": "x2", "cloudlets.*.compute_flops": "x3"})).instance
    assert [link.bandwidth_bps for link in fast.links] == [2 * link.bandwidth_bps for link in network.links]
    limits = [
        (a.compute_flops, b.compute_flops)
        for a, b in zip(network.cloudlets.values(), fast.cloudlets.values(), strict=True)
    ]
    assert all(new == (None if old is None else 3 * old) for old, new in limits)
    one = next(varied(network, {"links[0].latency_s": 0.25})).instance
    assert [link.latency_s for link in one.links] == [0.25, *(link.latency_s for link in network.links[1:])]
    cells = caching()
    slow = next(varied(cells, {"backhaul.links[*].rate_bps": "x0.5"})).instance
    assert [link.rate_bps for link in slow.backhaul.links] == [link.rate_bps / 2 for link in cells.backhaul.links]
    modes = [v.instance.upload for v in varied(two_models(), {"upload": ["phase", "overlapped"]})]
    assert modes == ["phase", "overlapped"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sever.memory_bytes": 1}, "did you mean 'server'"),
        ({"server.memory_bytes": "8Gb"}, "is not a number of B"),
        ({"server.memory_bytes": []}, "has no value"),
        ({}, "no key is varied"),
        ({"server": "x2"}, "it is not a number"),
        ({"nobody*.deadline_s": "x2"}, "nothing is named"),
        ({"users.*.deadline_s": "x-1"}, "greater than or equal to 0"),
        ({"users.*.model": "zebra"}, "has no model 'zebra'"),
        ({"bandwidth_hz.more": 1}, "there is no 'more' in it"),
    ],
)
def test_what_cannot_be_varied_is_a_clear_error(changes: dict[str, object], words: str) -> None:
    with pytest.raises(edgeopt.EdgeoptError, match=words.replace("*", ".")):
        list(varied(two_models(), changes))  # type: ignore[arg-type]


def test_whatif_agrees_with_solving_each_instance() -> None:
    instance = edgeopt.read(TINY)
    changes = {"server.load_rate_bytes_per_s": ["x0.5", "x2"], "users.*.deadline_s": ["x0.5", "x1", "x2"]}
    result = edgeopt.whatif(instance, changes, "dp", threads=1)
    assert len(result.rows) == 1 + 2 + 2 + 4  # x1 alone, and with one change, is there already
    assert len(result.rows) <= number_of_runs(changes)
    for row in result.rows:
        changed = next(varied(instance, row.values)).instance if row.values else instance
        again = edgeopt.solve(changed, "dp", threads=1)
        assert row.solution.objective == again.objective
        assert row.solution.instance_sha256 == changed.sha256
    frame = result.to_frame()
    assert (frame["difference"] == frame["objective"] - instance_objective(result)).all()
    assert (frame["least_difference"] == frame["difference"]).all()
    best = max(frame["difference"])
    assert f"{best} more user" in result.verdict
    assert isinstance(result.plot(), Figure)


def instance_objective(result: edgeopt.WhatIf) -> float:
    objective = result.rows[0].solution.objective
    assert objective is not None
    return objective


def test_whatif_ranges_hold_the_true_difference_where_nothing_is_proved() -> None:
    instance = edgeopt.read(TINY)
    changes = {"bandwidth_hz": ["x0.25", "x4"], "server.memory_bytes": ["x0.3"]}
    true = edgeopt.whatif(instance, changes, "dp", threads=1)
    for method in ("greedy-append", "bound"):
        found = edgeopt.whatif(instance, changes, method, threads=1)
        for row, exact in zip(found.rows, true.rows, strict=True):
            least, most = found.range(row)
            difference = true.difference(exact)
            assert difference is not None
            assert least is None or least <= difference
            assert most is None or difference <= most
    assert "not proved" in edgeopt.whatif(instance, changes, "greedy-append", threads=1).verdict


def test_the_verdict_tells_less_delay_from_more_users() -> None:
    network = pulling(cloudlets=3, requests=6)
    assert " s less" in edgeopt.whatif(network, {"links[*].bandwidth_bps": ["x10"]}, "greedy").verdict
    assert "none" in edgeopt.whatif(edgeopt.read(TINY), {"server.memory_bytes": ["+1TB"]}, "dp").verdict


def test_plots_go_into_given_axes_and_take_text_values() -> None:
    ax = Figure().add_subplot()
    result = edgeopt.whatif(TINY, {"users.*.deadline_s": ["x1.5", "x3"], "bandwidth_hz": [1e6]}, "greedy")
    assert result.plot(ax) is ax.figure
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["x1.5", "x3"]
    assert len(ax.get_lines()) == 3


def test_a_plan_that_is_still_feasible_is_kept_where_a_heuristic_finds_a_worse_one() -> None:
    """With twice the bandwidth the greedy method serves fewer; a baseline stands for its own figure."""
    instance = edgeopt.read(TINY.parent / "grid-10x40-overlapped.json")
    alone = [
        edgeopt.solve(each, "greedy", threads=1).objective
        for _, each in edgeopt.varied(instance, {"bandwidth_hz": ["x1", "x2"]})
    ]
    assert alone[0] > alone[1]
    today, changed = edgeopt.whatif(instance, {"bandwidth_hz": ["x2"]}, "greedy", threads=1).rows
    assert today.solution.objective == changed.solution.objective == alone[0]
    assert "is kept" in changed.solution.message
    assert changed.solution.method == "greedy"
    grid = {"server.memory_bytes": ["x0.5"], "bandwidth_hz": ["x0.5", "x2"]}
    found = {
        tuple(row.values.values()): row.solution.objective for row in edgeopt.whatif(instance, grid, "greedy").rows
    }
    assert found[10**9, 200_000_000] >= found[(10**9,)]
    fewer = edgeopt.whatif(instance, {"users.*.deadline_s": ["x2"]}, "random", threads=1).rows[1]
    assert "is kept" not in fewer.solution.message


def test_the_command_line(tmp_path: Path) -> None:
    csv, picture = tmp_path / "w.csv", tmp_path / "w.png"
    code, out, _ = run(
        "whatif",
        TINY,
        "server.memory_bytes=+1GB,x2",
        "users.*.deadline_s=x0.5,x2",
        "-m",
        "dp",
        "--csv",
        csv,
        "--plot",
        picture,
    )
    assert code == 0
    assert "what pays most: users.*.deadline_s x2: 1 more user" in out
    assert len(csv.read_text().splitlines()) == 1 + 9
    assert picture.stat().st_size > 1000
    for bad, words in (
        ("server.memory_bytes", "is no change"),
        ("server.memory=3", "did you mean 'memory_bytes'"),
        ("server.memory_bytes=8Gb", "is not a number of B"),
    ):
        code, _, err = run("whatif", TINY, bad)
        assert code == 2
        assert words in err
    code, _, err = run("whatif", TINY, "bandwidth_hz=1", "bandwidth_hz=2")
    assert (code, "given twice" in err) == (2, True)

"""Instances built in code, and their entries as CSV tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt.builder import Builder
from edgeopt.caching.generator import generate as caching
from edgeopt.instance import read
from edgeopt.placement.generator import generate as placement
from edgeopt.pulling.generator import generate as pulling

SHIPPED = Path(__file__).parents[1] / "instances"


def with_library(builder: Builder, instance: Any) -> Any:
    """Add the models of an instance one by one."""
    for name, model in instance.library.models.items():
        keys = {key: value for key, value in model.to_dict().items() if key != "blocks"}
        builder.add_model(name, {block: instance.library.blocks[block] for block in model.blocks}, **keys)
    return builder


def equal(built: Any, instance: Any) -> None:
    """The library's order of blocks is that of the models, and its name that of the instance."""
    assert {**built.to_dict(), "library": None} == {**instance.to_dict(), "library": None}
    assert dict(built.library.blocks) == {b: s for b, s in instance.library.blocks.items() if b in built.library.blocks}
    assert built.library.models == instance.library.models


def test_loading_is_built_as_its_file() -> None:
    instance: Any = read(SHIPPED / "loading" / "tiny.json")
    builder = edgeopt.build(
        "loading",
        "tiny",
        server={"memory_bytes": "150MB", "load_rate_bytes_per_s": "100 MB/s"},
        bandwidth_hz="10MHz",
    )
    with_library(builder, instance)
    for name, user in instance.users.items():
        builder.add_user(
            name,
            user.model,
            upload_bits=f"{user.upload_bits / 1e6}Mbit",
            spectral_efficiency=user.spectral_efficiency,
            deadline_s="2500 ms",
        )
    equal(builder.instance(), instance)
    assert edgeopt.solve(builder.instance(), "dp", threads=1).objective == 7


def test_pulling_is_built_as_its_file() -> None:
    instance = pulling(cloudlets=3, requests=5)
    builder = with_library(edgeopt.build("pulling", instance.name, cloud=instance.cloud.to_dict()), instance)
    for name, cloudlet in instance.cloudlets.items():
        builder.add_cloudlet(name, **cloudlet.to_dict())
    for link in instance.links:
        builder.add_link(*link.between, bandwidth_bps=link.bandwidth_bps, latency_s=link.latency_s)
    for name, request in instance.requests.items():
        builder.add_request(name, **request.to_dict())
    equal(builder.instance(), instance)


def test_caching_is_built_as_its_file() -> None:
    instance = caching(nodes=3, users=4, scenarios=2)
    radio = {key: value for key, value in instance.radio.to_dict().items() if key != "channels"}
    builder = with_library(edgeopt.build("caching", instance.name, radio=radio), instance)
    for name, node in instance.nodes.items():
        channels = {user: [complex(*pair) for pair in row] for user, row in instance.radio.channels[name].items()}
        builder.add_node(
            name,
            storage_bytes=node.storage_bytes,
            power_w=node.power_w,
            channels=channels,
            cloud_bps=instance.backhaul.cloud_bps.get(name),
        )
    for link in instance.backhaul.links:
        builder.add_link(link.source, link.to, rate_bps=link.rate_bps)
    for scenario in instance.scenarios:
        builder.add_scenario(scenario.probability, scenario.requests)
    equal(builder.instance(), instance)


def test_placement_is_built_as_its_file() -> None:
    instance = placement(nodes=3, users=4)
    builder = with_library(edgeopt.build("placement", instance.name), instance)
    for name, node in instance.nodes.items():
        builder.add_node(name, storage_bytes=node.storage_bytes)
    for row in instance.demand:
        builder.add_demand(row.user, row.model, weight=row.weight, nodes=row.nodes)
    equal(builder.instance(), instance)


def test_residency_is_built_and_says_what_does_not_fit() -> None:
    builder = edgeopt.build("residency", "gpu", memory_bytes="10GB")
    builder.add_model("a", {"base": "8GB", "a": "1GB"}).add_model("b", {"big": "12GB"})
    for block in ("base", "a", "big"):
        builder.add_load(block, "500ms")
    built = builder.add_request("a").add_request("b").instance()
    assert (built.memory_bytes, built.load_s["big"], list(built.requests)) == (10 * 10**9, 0.5, ["a", "b"])
    solution = edgeopt.solve(built, "lru", threads=1)
    assert solution.status == "infeasible"
    frame = solution.to_frame()
    assert list(frame["model"]) == ["b"]
    assert "needs 12 GB, the GPU has 10 GB" in frame["reason"][0]
    served = edgeopt.solve(built.replace(requests=["a"]), "lru", threads=1).to_frame()
    assert served["served"].all()


def test_a_library_may_be_there_and_grow() -> None:
    library = SHIPPED / "libraries" / "resnet-detection.json"
    builder = edgeopt.build("placement", "grown", library)
    known = len(edgeopt.ModelLibrary.read(library).models)
    block = next(iter(edgeopt.ModelLibrary.read(library).blocks))
    builder.add_model("own", [block]).add_node("n", storage_bytes="2GB").add_demand("ann", "own")
    instance = builder.instance()
    assert len(instance.library.models) == known + 1
    assert instance.demand[0].nodes == ["n"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda b: b.add_model("m", {"x": 3}), "'m' is there already"),
        (lambda b: b.add_model("n", {"x": 4}), "has 3 bytes, not 4"),
        (lambda b: b.add_model("n", "x"), "list of names"),
        (lambda b: b.add_block("y", "3Gb"), "block 'y'"),
        (lambda b: b.add_node("n", storage_bytes="much"), "node 'n', storage_bytes"),
        (lambda b: b.add_demand("ann", "zebra").instance(), "has no model 'zebra'"),
        (lambda b: b.add_demand("ann", "m", nodes=["far"]).instance(), "no node 'far'"),
    ],
)
def test_what_cannot_be_built_is_a_clear_error(wrong: Any, words: str) -> None:
    builder = edgeopt.build("placement", "p").add_model("m", {"x": 3})
    with pytest.raises(edgeopt.EdgeoptError, match=words):
        wrong(builder)
    with pytest.raises(edgeopt.UsageError, match="no problem 'lading'"):
        edgeopt.build("lading", "x")


def as_csv(rows: list[dict[str, Any]]) -> str:
    columns = list(rows[0])
    cells = [[";".join(row[c]) if isinstance(row[c], list) else str(row[c]) for c in columns] for row in rows]
    return "\n".join(",".join(row) for row in [columns, *cells]) + "\n"


def test_entries_may_stand_in_csv_tables(tmp_path: Path) -> None:
    loading: Any = read(SHIPPED / "loading" / "tiny.json")
    data = loading.to_dict()
    users = [{"user": name, **user} for name, user in data["users"].items()]
    (tmp_path / "users.csv").write_text(as_csv(users))
    (tmp_path / "i.json").write_text(json.dumps({**data, "users": "users.csv"}))
    assert read(tmp_path / "i.json") == loading
    placed = placement(nodes=3, users=4)
    (tmp_path / "demand.csv").write_text(as_csv(placed.to_dict()["demand"]))
    (tmp_path / "p.json").write_text(json.dumps({**placed.to_dict(), "demand": "demand.csv"}))
    assert read(tmp_path / "p.json") == placed
    cells = caching(nodes=3, users=4, scenarios=2)
    rows = [
        {"scenario": number, "probability": scenario.probability, "user": user, "model": model}
        for number, scenario in enumerate(cells.scenarios)
        for user, model in scenario.requests.items()
    ]
    (tmp_path / "scenarios.csv").write_text(as_csv(rows))
    (tmp_path / "c.json").write_text(json.dumps({**cells.to_dict(), "scenarios": "scenarios.csv"}))
    assert read(tmp_path / "c.json") == cells
    kept: Any = read(SHIPPED / "residency" / "tiny.json")
    (tmp_path / "log.csv").write_text(as_csv([{"time": n, "model": model} for n, model in enumerate(kept.requests)]))
    (tmp_path / "r.json").write_text(json.dumps({**kept.to_dict(), "requests": "log.csv"}))
    assert read(tmp_path / "r.json") == kept
    built = edgeopt.build("residency", "x", kept.library, memory_bytes=kept.memory_bytes)
    for block, seconds in kept.load_s.items():
        built.add_load(block, seconds)
    assert built.add_requests(tmp_path / "log.csv").instance().requests == kept.requests
    (tmp_path / "log.csv").write_text("time\n1\n")
    with pytest.raises(edgeopt.InputError, match="row 0: it has no 'model'"):
        read(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,deadline_s\nfish,1\n", "the column 'user' is missing"),
        ("user,model\nann,fish\nann,fish\n", "line 3: user 'ann' stands twice"),
        ("user,model\nann\n", "1 cells, but the header has 2"),
        ("user,upload_bits\nann,3Gb\n", "line 2, column upload_bits"),
        ("user,user\nann,bob\n", "two columns have the same name"),
        ("user,model,spead\nann,fish,3\n", "unknown key 'spead'"),
    ],
)
def test_faults_of_tables_name_file_and_line(text: str, words: str, tmp_path: Path) -> None:
    data = read(SHIPPED / "loading" / "tiny.json").to_dict()
    (tmp_path / "users.csv").write_text(text)
    (tmp_path / "i.json").write_text(json.dumps({**data, "users": "users.csv"}))
    with pytest.raises(edgeopt.InputError, match=words):
        read(tmp_path / "i.json")


def test_units_in_tables(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("user,model,upload_bits,spectral_efficiency,deadline_s\n007,m,2Mbit,1,250ms\n")
    builder = edgeopt.build("loading", "x", server={"memory_bytes": 10, "load_rate_bytes_per_s": 1.0}, bandwidth_hz=1.0)
    keys = {"compute_fixed_s": 0.0, "compute_per_sample_s": 0.0, "workspace_bytes_per_sample": 0}
    instance = builder.add_model("m", {"b": 1}, **keys).add_users(tmp_path / "u.csv").instance()
    assert (instance.users["007"].upload_bits, instance.users["007"].deadline_s) == (2e6, 0.25)

"""Instances over base stations and with the load of a trace."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import edgeopt
from edgeopt.errors import UsageError
from edgeopt.measured.places import read_area
from edgeopt.measured.traces import read_trace
from edgeopt.pulling.generator import generate
from edgeopt.pulling.instance import PullingInstance
from tests.cli.program import run
from tests.measured.data import STATIONS, TRACE, USERS, real


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    content = {"stations": STATIONS, "users": USERS, "trace": TRACE}
    for name, text in content.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return {name: tmp_path / f"{name}.csv" for name in content}


def small(files: dict[str, Path], **changes: object) -> PullingInstance:
    arguments: dict[str, object] = {"stations": str(files["stations"]), "trace": str(files["trace"])}
    return generate(models=8, cloudlets=2, requests=20, seed=1, **{**arguments, **changes})  # type: ignore[arg-type]


def test_requests_stand_for_the_whole_window(files: dict[str, Path]) -> None:
    trace = read_trace(files["trace"])
    work = {
        (32.0 * context, max(1, ceil((context + generated) / 141)))
        for context, generated in zip(trace.context_tokens.tolist(), trace.generated_tokens.tolist(), strict=True)
    }
    instance = small(files)
    assert len(instance.requests) == 20
    assert sum(request.count for request in instance.requests.values()) == 90
    assert {(request.input_bits, request.samples) for request in instance.requests.values()} <= work
    half = small(files, window_s=(0.0, 45.0), bits_per_token=8.0, tokens_per_sample=1)
    assert sum(request.count for request in half.requests.values()) == 45
    assert all(request.input_bits <= 8 * (100 + 7 * 44) for request in half.requests.values())
    assert all(request.samples > request.input_bits / 8 - 1 for request in half.requests.values())


def test_stations_are_the_network(files: dict[str, Path]) -> None:
    instance = small(files)
    assert set(instance.cloudlets) <= {"site7", "site8", "site9", "site11"}
    assert {request.node for request in instance.requests.values()} == {"site7", "site8", "site9", "site11"}
    graph = nx.Graph([link.between for link in instance.links])
    assert nx.is_connected(graph)
    assert len(graph) == 5
    area = read_area(files["stations"])
    place = dict(zip(area.names, area.stations, strict=True))
    for link in instance.links[:-1]:
        metres = float(np.linalg.norm(place[link.between[0]] - place[link.between[1]]))
        assert link.latency_s == pytest.approx(1e-4 + 1.3 * metres / 2e8, rel=0.005)


def test_requests_come_from_where_the_users_are(files: dict[str, Path]) -> None:
    files["users"].write_text("latitude,longitude\n-37.8149,144.9649\n-37.8151,144.9651\n")
    instance = small(files, user_positions=files["users"])
    assert {request.node for request in instance.requests.values()} == {"site11"}


def test_same_seed_same_instance(files: dict[str, Path]) -> None:
    arguments = {"user_positions": files["users"]}
    assert small(files, **arguments) == small(files, **arguments)
    drawn = {"models": 8, "cloudlets": 3, "requests": 10, "stations": "melbourne", "trace": "azure-code"}
    assert generate(**drawn, seed=1) == generate(**drawn, seed=1)  # type: ignore[arg-type]
    assert generate(**drawn, seed=1).links != generate(**drawn, seed=2).links  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stations": None, "area": (0.0, 0.0, 1.0, 1.0)}, "it needs 'stations'"),
        ({"topology": "a.graphml"}, "two networks"),
        ({"trace": None, "window_s": (0.0, 1.0)}, "it needs 'trace'"),
        ({"window_s": (0.0, 0.0)}, "at window_s: input should be greater than 0"),
        ({"mean_count": 3.0}, "neither classes nor mean_count"),
        ({"bits_per_token": 0.0}, "at bits_per_token: input should be greater than 0"),
        ({"cloudlets": 9}, "the network has 4 nodes"),
        ({"requests": 91}, "fewer than 91"),
    ],
)
def test_arguments_that_cannot_be_meant(files: dict[str, Path], changes: dict[str, object], told: str) -> None:
    arguments: dict[str, object] = {"cloudlets": 2, "requests": 20, "models": 8}
    arguments |= {"stations": str(files["stations"]), "trace": str(files["trace"])}
    with pytest.raises(UsageError, match=told):
        generate(**{**arguments, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("stations", "144.9620", "144,9620", "stations.csv: at line 3: 5 cells, but the header has 4"),
        ("users", "144.9604", "?", "users.csv: at line 3, column Longitude: '?' is not a number"),
        ("trace", ",114,", ",-1,", "trace.csv: at line 4, column ContextTokens: '-1' is not a whole number"),
    ],
)
def test_bad_files_end_with_exit_code_2(files: dict[str, Path], name: str, old: str, new: str, told: str) -> None:
    assert old in files[name].read_text()
    files[name].write_text(files[name].read_text().replace(old, new))
    output = files[name].parent / "drawn.json"
    command = ["generate", "pulling", "--models", 8, "--cloudlets", 2, "--requests", 20, "-o", output]
    options = ["--stations", files["stations"], "--user-positions", files["users"], "--trace", files["trace"]]
    code, _, err = run(*command, *options)
    assert code == 2
    assert told in err
    assert not output.exists()


def test_inputs_are_not_overwritten(files: dict[str, Path]) -> None:
    before = files["trace"].read_bytes()
    code, _, err = run("generate", "pulling", "--trace", files["trace"], "-o", files["trace"])
    assert (code, files["trace"].read_bytes()) == (2, before)
    assert "is the input" in err


def test_real_files(tmp_path: Path) -> None:
    stations, users = real("eua/site-optus-melbCBD.csv"), real("eua/users-melbcbd-generated.csv")
    trace, topology = real("azure_llm/AzureLLMInferenceTrace_conv.csv"), real("topologies/Geant2012.graphml")
    common = ["generate", "pulling", "--models", 24, "--cloudlets", 8, "--requests", 60, "--trace", trace]
    for number, network in enumerate((["--stations", stations, "--user-positions", users], ["--topology", topology])):
        output = tmp_path / f"{number}.json"
        code, _, err = run(*common, *network, "-o", output)
        assert code == 0, err
        instance = edgeopt.read(output)
        assert isinstance(instance, PullingInstance)
        assert sum(request.count for request in instance.requests.values()) == 19366
        assert edgeopt.solve(instance, "greedy").objective is not None

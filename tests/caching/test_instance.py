"""Bad input gets an error that names the place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import edgeopt
from edgeopt.caching.instance import CachingInstance
from edgeopt.errors import InputError
from tests.caching.random_instances import random_data

Change = Callable[[dict[str, Any]], object]


def data() -> dict[str, Any]:
    plain = random_data(3, nodes=2, users=2)
    plain["backhaul"]["links"] = [{"from": "n0", "to": "n1", "rate_bps": 1e8}]
    plain["scenarios"] = [
        {"probability": 0.25, "requests": {"u0": "m0"}},
        {"probability": 0.75, "requests": {"u1": "m0"}},
    ]
    return plain


FAULTS: list[tuple[str, Change, str, str]] = [
    (
        "antennas",
        lambda d: d["radio"]["channels"]["n0"]["u0"].append([1.0, 0.0]),
        "$.radio.channels.n0.u0",
        "channel coefficients for",
    ),
    ("missing channel", lambda d: d["radio"]["channels"]["n1"].pop("u0"), "$.radio.channels.n1", "to the user 'u0'"),
    ("missing node", lambda d: d["radio"]["channels"].pop("n1"), "$.radio.channels", "the node 'n1' has no channels"),
    (
        "unknown node in channels",
        lambda d: d["radio"]["channels"].update({"nx": {}}),
        "$.radio.channels.nx",
        "no node 'nx'",
    ),
    (
        "probabilities",
        lambda d: d["scenarios"][0].update(probability=0.26),
        "$.scenarios",
        "sum to 1.01",
    ),
    (
        "negative probability",
        lambda d: d["scenarios"][0].update(probability=-0.25),
        "$.scenarios[0].probability",
        "greater than or equal to 0",
    ),
    (
        "unknown user",
        lambda d: d["scenarios"][0]["requests"].update(u9="m0"),
        "$.scenarios[0].requests.u9",
        "'u9' has no channels",
    ),
    (
        "unknown model",
        lambda d: d["scenarios"][0]["requests"].update(u0="m9"),
        "$.scenarios[0].requests.u0",
        "no model 'm9'",
    ),
    ("zero power", lambda d: d["nodes"]["n0"].update(power_w=0.0), "$.nodes.n0.power_w", "greater than 0"),
    ("negative power", lambda d: d["nodes"]["n0"].update(power_w=-1.0), "$.nodes.n0.power_w", "greater than 0"),
    ("no antenna", lambda d: d["nodes"]["n0"].update(antennas=0), "$.nodes.n0.antennas", "greater than or equal to 1"),
    ("noise", lambda d: d["radio"].update(noise_w=0.0), "$.radio.noise_w", "greater than 0"),
    ("error", lambda d: d["radio"].update(csi_error=-0.1), "$.radio.csi_error", "greater than or equal to 0"),
    (
        "half a number",
        lambda d: d["radio"]["channels"]["n0"]["u0"].__setitem__(0, [1.0]),
        "$.radio.channels.n0.u0[0]",
        "at least 2",
    ),
    ("cloud", lambda d: d["backhaul"]["cloud_bps"].update(nx=1e6), "$.backhaul.cloud_bps.nx", "no node 'nx'"),
    ("no rate", lambda d: d["backhaul"]["links"][0].update(rate_bps=0), "$.backhaul.links[0].rate_bps", "greater than"),
    ("link's end", lambda d: d["backhaul"]["links"][0].update(to="nx"), "$.backhaul.links[0].to", "no node 'nx'"),
    ("loop", lambda d: d["backhaul"]["links"][0].update(to="n0"), "$.backhaul.links[0]", "to itself"),
    (
        "link twice",
        lambda d: d["backhaul"]["links"].append(d["backhaul"]["links"][0]),
        "$.backhaul.links[1]",
        "stands twice",
    ),
    ("key", lambda d: d["radio"].update(bandwith_hz=1.0), "$.radio.bandwith_hz", "unknown key"),
    ("no scenario", lambda d: d.update(scenarios=[]), "$.scenarios", "at least 1"),
]


@pytest.mark.parametrize(
    ("change", "place", "problem"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
def test_fault_is_named(change: Change, place: str, problem: str) -> None:
    """One finding for the fault, with its JSON path."""
    faulty = data()
    change(faulty)
    with pytest.raises(InputError) as caught:
        CachingInstance.from_dict(faulty)
    assert any(place == finding.place and problem in finding.problem for finding in caught.value.findings), str(
        caught.value
    )


def test_probabilities_within_the_tolerance_are_accepted() -> None:
    """Ten times a tenth does not sum to exactly 1."""
    plain = data()
    plain["scenarios"] = [{"probability": 0.1, "requests": {"u0": "m0"}} for _ in range(10)]
    plain["scenarios"][0]["probability"] += 5e-10
    CachingInstance.from_dict(plain)


def test_file_round_trip(tmp_path) -> None:
    """Written and read again, the instance is the same, links included."""
    instance = CachingInstance.from_dict(data())
    instance.write(tmp_path / "instance.json")
    again = edgeopt.read(tmp_path / "instance.json")
    assert again == instance
    assert again.sha256 == instance.sha256
    assert '"from"' in (tmp_path / "instance.json").read_text()


def test_user_out_of_reach_is_reported() -> None:
    """A user whose channels are all within the error has infinite delay whatever is cached: who and why."""
    plain = data()
    for row in plain["radio"]["channels"].values():
        row["u0"] = [[1e-3, 0.0]] * len(row["u0"])
    plain["radio"]["csi_error"] = 0.05
    instance = CachingInstance.from_dict(plain)
    assert instance.unheard_users() == ["u0"]
    assert "'u0'" in instance.facts()["users"]
    for method in ("exact", "greedy", "bound"):
        solution = edgeopt.solve(instance, method)
        assert solution.status == "infeasible"
        assert solution.objective is None
        assert "'u0'" in solution.message
        assert "beyond the channel error" in solution.message


def test_unreachable_block_is_reported() -> None:
    """No storage, no cloud: the block is nowhere, and every method says so without a plan."""
    plain = data()
    plain["backhaul"] = {"cloud_bps": {}, "links": []}
    for node in plain["nodes"].values():
        node["storage_bytes"] = 0
    instance = CachingInstance.from_dict(plain)
    solution = edgeopt.solve(instance, "exact")
    assert solution.status == "infeasible"
    assert solution.objective is None
    assert "must be cached, and no node that helps has room" in solution.message
    assert edgeopt.solve(instance, "random").objective is None

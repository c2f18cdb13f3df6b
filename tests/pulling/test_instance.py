"""Instances of `pulling`: what is refused and how it is said, CSV tables, round trips."""

import copy

import pytest

import edgeopt
from edgeopt.errors import InputError, UsageError
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.queues import pollaczek_khinchine
from tests.pulling.random_instances import random_instance
from tests.pulling.test_checker import BASE, make


@pytest.mark.parametrize(
    ("path", "value", "place", "word"),
    [
        (("requests", "r", "node"), "nowhere", "$.requests.r.node", "nowhere"),
        (("requests", "r", "models"), ["mz"], "$.requests.r.models", "mz"),
        (("requests", "r", "count"), 0, "$.requests.r.count", "greater"),
        (("cloudlets", "v", "resident"), ["zz"], "$.cloudlets.v.resident", "zz"),
        (("cloudlets", "v", "memory_bytes"), 1.5, "$.cloudlets.v.memory_bytes", "whole number"),
        (("links", 0, "between"), ["v", "v"], "$.links[0].between", "different"),
        (("links", 0, "bandwidth_bps"), 0.0, "$.links[0].bandwidth_bps", "greater"),
        (("cloud", "name"), "v", "$.cloud.name", "cloudlet"),
        (("library", "models", "ma", "flops_per_sample"), None, "$.library.models.ma", "flops_per_sample"),
        (("library", "models", "mb", "task"), None, "$.library.models.mb", "task"),
        (("requests", "r", "sites"), ["v", "w"], "$.requests.r.sites", "'w'"),
        (("requests", "r", "sites"), ["v", "v"], "$.requests.r.sites", "twice"),
        (("requests", "r", "sites"), [], "$.requests.r.sites", "at least 1"),
        (("requests", "r", "models"), {"mz": {}}, "$.requests.r.models", "mz"),
        (("requests", "r", "models"), {}, "$.requests.r.models", "at least 1"),
        (("requests", "r", "models"), {"ma": {"accuracy": 1.5}}, "$.requests.r.models.ma.accuracy", "1.5"),
        (("requests", "r", "models"), {"ma": {"accuracy": -0.5}}, "$.requests.r.models.ma.accuracy", "-0.5"),
        (("requests", "r", "models"), {"ma": {"delay_s": -1.0}}, "$.requests.r.models.ma.delay_s", "-1"),
        (("requests", "r", "models"), {"ma": {"cost": -1.0}}, "$.requests.r.models.ma.cost", "-1"),
        (("requests", "r", "models"), {"ma": {"costs": 1.0}}, "$.requests.r.models.ma.costs", "'cost'"),
        (("requests", "r", "models"), 3, "$.requests.r.models", "list"),
        (("requests", "r", "max_cost"), -1.0, "$.requests.r.max_cost", "-1"),
        (("requests", "r", "max_cost"), 1.0, "$.requests.r.max_cost", "map with costs"),
        (("cloudlets", "v", "queue_s"), -1.0, "$.cloudlets.v.queue_s", "-1"),
        (("cloud", "queue_s"), -1.0, "$.cloud.queue_s", "-1"),
        (("cloudlets", "v", "pull_delay_s"), -1.0, "$.cloudlets.v.pull_delay_s", "-1"),
        (("cloudlets", "v", "pull_delay_s"), {"a": -1.0}, "$.cloudlets.v.pull_delay_s.a", "-1"),
        (("sources",), "peer", "$.sources", "'peers'"),
        (("waiting",), "all", "$.waiting", "'parallel'"),
    ],
)
def test_bad_input(path, value, place, word):
    data = copy.deepcopy(BASE)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(InputError) as caught:
        PullingInstance.from_dict(data)
    assert any(finding.place == place for finding in caught.value.findings)
    assert word in str(caught.value)


def test_limits_need_what_they_limit():
    data = copy.deepcopy(BASE)
    data["library"]["models"]["mb"] = {"blocks": ["b"], "flops_per_sample": 4.0}
    request = {"node": "v", "input_bits": 0.0, "samples": 1}
    data["requests"] = {
        "r": {**request, "models": {"ma": {}, "mb": {}}, "min_accuracy": 0.5},
        "q": {**request, "models": {"ma": {"cost": 1.0}, "mb": {}}, "max_cost": 2.0},
    }
    with pytest.raises(InputError) as caught:
        PullingInstance.from_dict(data)
    assert [finding.place for finding in caught.value.findings] == ["$.requests.r.models.mb", "$.requests.q.models.mb"]
    assert "accuracy" in caught.value.findings[0].problem
    assert "cost" in caught.value.findings[1].problem


def test_one_error_for_one_fault():
    with pytest.raises(InputError) as caught:
        make(cloudlets={"v": {"memory_bytes": 130, "speed_flops_per_s": 4.0, "pull_delay_s": {"a": -1.0}}})
    assert len(caught.value.findings) == 1


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.9, 0.5), (-0.1, 0.5), (0.1, float("inf")), (0.1, 0.5, -1.0)])
def test_queues_that_have_no_mean(rates):
    with pytest.raises(UsageError, match=r"less than served_per_s|at least 0"):
        pollaczek_khinchine(*rates)


def test_queues():
    assert pollaczek_khinchine(0.0, 0.5) == 0
    assert pollaczek_khinchine(0.3, 0.5) == pytest.approx(0.3 * 4 / (2 * 0.4))
    rho = 0.6  # exponential service: M/M/1
    assert pollaczek_khinchine(0.3, 0.5, 2.0) == pytest.approx(rho / (0.5 * (1 - rho)))


def test_resident_blocks_must_fit():
    small = {"v": {"memory_bytes": 99, "speed_flops_per_s": 1.0, "resident": ["backbone"]}}
    with pytest.raises(InputError, match="100 bytes, the memory has 99"):
        make(cloudlets=small)


def test_task_or_models_are_needed():
    request = {"node": "v", "input_bits": 0.0, "samples": 1}
    with pytest.raises(InputError, match="min_accuracy"):
        make(requests={"r": request})
    assert make(requests={"r": {**request, "models": ["ma"]}})


def test_round_trips(tmp_path):
    for seed in range(16):
        instance = random_instance(seed, **({"waiting": "serial", "sources": "any"} if seed >= 8 else {}))
        instance.write(tmp_path / "plain.json")
        instance.write(tmp_path / "tables.json", requests="requests.csv", links="links.csv")
        for name in ("plain.json", "tables.json"):
            again = edgeopt.read(tmp_path / name)
            assert again == instance
            assert again.sha256 == instance.sha256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("request,node,input_bits,samples\nr,u,many,1\n", ["line 2, column input_bits", "'many' is not a number"]),
        ("request,node,input_bits,samples\nr,u,1,1.5\n", ["whole number"]),
        ("request,node,input_bits\nr,u,1\n", ["'samples' is missing"]),
        ("request,nodes,input_bits,samples\nr,u,1,1\n", ["unknown column 'nodes'", "did you mean 'node'"]),
        ("request,node,input_bits,samples\nr,u,1,1\nr,u,1,1\n", ["line 3", "stands twice"]),
        ("request,node,input_bits,samples\nr,u,1\n", ["3 cells"]),
        ("request,node,models,input_bits,samples\nr,u,{ma:1},1,1\n", ["column models", "a map as in JSON"]),
        ("request,node,models,max_cost,input_bits,samples\nr,u,ma,x,1,1\n", ["column max_cost", "not a number"]),
    ],
)
def test_bad_tables(tmp_path, text, words):
    make().write(tmp_path / "i.json", requests="r.csv")
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        edgeopt.read(tmp_path / "i.json")
    assert "r.csv" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_missing_table(tmp_path):
    make().write(tmp_path / "i.json", links="l.csv")
    (tmp_path / "l.csv").unlink()
    with pytest.raises(InputError, match="no such file"):
        edgeopt.read(tmp_path / "i.json")


def test_facts_have_units():
    facts = make().facts()
    assert "1 with" not in facts["cloudlets"]
    assert "counts 4" in facts["requests"]
    assert "waiting" not in facts
    modes = make(waiting="parallel", sources="peers").facts()
    assert "last block" in modes["waiting"]
    assert "0 cloudlets" in modes["sources"]

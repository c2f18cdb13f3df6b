"""Instances of `pulling`: what is refused and how it is said, CSV tables, round trips."""

import copy

import pytest

import edgeopt
from edgeopt.errors import InputError
from edgeopt.pulling.instance import PullingInstance
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
    for seed in range(10):
        instance = random_instance(seed)
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

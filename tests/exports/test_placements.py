"""Placements as files of SGLang, vLLM and KServe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt.exports.exporting import export
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.placement.instance import Demand, Node, PlacementInstance
from tests.cli.program import run
from tests.exports.shapes import read_kserve, read_sglang, read_vllm

PLAN: dict[str, Any] = {"placed": {"left": ["law", "base"], "right": ["tax", "wide"]}}


def adapters() -> PlacementInstance:
    """Three adapters on one base, and another base with an adapter; two replicas."""
    sources = {
        "base": "file:///models/acme/base%20one",
        "law": "file:///models/law",
        "tax": "hf://acme/tax@0123abc",
        "wide": "file:///models/wide",
        "other": "hf://acme/other",
        "odd": "ollama://host/library/odd:latest",
    }
    on = {"law": "base", "tax": "base", "wide": "base", "odd": "other"}
    blocks = dict.fromkeys(sources, 2) | {"base": 60, "other": 50}
    models = {
        name: Model(blocks=[on[name], name] if name in on else [name], source=source, base=on.get(name))
        for name, source in sources.items()
    }
    return PlacementInstance(
        name="replicas",
        library=ModelLibrary(name="lora", shared_by="lora", blocks=blocks, models=models),
        nodes={"left": Node(storage_bytes=64), "right": Node(storage_bytes=64)},
        demand=[Demand(user="u", model=name, weight=1, nodes=["left", "right"]) for name in sources],
    )


def whole() -> PlacementInstance:
    """Two models of the hub, stored whole, on two node groups."""
    models = {
        "acme-base": Model(blocks=["acme-base"], source="hf://acme/base@0123abc"),
        "Qwen3": Model(blocks=["Qwen3"], source="hf://Qwen/Qwen3-8B"),
    }
    return PlacementInstance(
        name="disks",
        library=ModelLibrary(
            name="nobody", shared_by="nobody", blocks={"acme-base": 16_060_000_000, "Qwen3": 8_000}, models=models
        ),
        nodes={"gpu-a": Node(storage_bytes=20 * 10**9), "gpu-b": Node(storage_bytes=20 * 10**9)},
        demand=[Demand(user="u", model=name, weight=1, nodes=["gpu-a"]) for name in models],
    )


def test_sglang_pins_what_is_placed() -> None:
    files, _ = export(adapters(), "sglang", PLAN, max_lora_rank=48)
    left, right = read_sglang(files["left"]), read_sglang(files["right"])
    assert left["model-path"] == right["model-path"] == "/models/acme/base one"
    assert (left["max-loras-per-batch"], right["max-loras-per-batch"]) == (2, 3)
    assert left["max-lora-rank"] == 48
    assert [(a["lora_name"], a["lora_path"], a["pinned"]) for a in right["lora-paths"]] == [
        ("tax", "acme/tax", True),
        ("wide", "/models/wide", True),
        ("law", "/models/law", False),
    ]
    assert "max-lora-rank" not in read_sglang(export(adapters(), "sglang", PLAN)[0]["left"])


def test_vllm_has_a_slot_for_each_placed_adapter() -> None:
    files, _ = export(adapters(), "vllm", PLAN, max_lora_rank=64, names={"tax": "Tax 2026".replace(" ", "-")})
    right = read_vllm(files["right"])
    assert right["max-loras"] == right["max-cpu-loras"] == 2
    assert right["lora-modules"] == [{"name": "Tax-2026", "path": "acme/tax"}, {"name": "wide", "path": "/models/wide"}]
    with pytest.raises(edgeopt.UsageError, match="give --max-lora-rank, at most 512"):
        export(adapters(), "vllm", PLAN)
    with pytest.raises(edgeopt.UsageError, match="up to 512, not 513"):
        export(adapters(), "vllm", PLAN, max_lora_rank=513)


def test_ranks_are_those_of_the_library() -> None:
    """vLLM takes the next rank of its list; SGLang that of all adapters of the base, where all are known."""
    ranks = {f"library.models.{name}.rank": rank for name, rank in {"law": 8, "tax": 48, "wide": 16}.items()}
    known = adapters().replace(**ranks)
    assert [read_vllm(text)["max-lora-rank"] for text in export(known, "vllm", PLAN)[0].values()] == [8, 64]
    assert [read_sglang(text)["max-lora-rank"] for text in export(known, "sglang", PLAN)[0].values()] == [48, 48]
    partly = known.replace(**{"library.models.law.rank": None})
    assert "max-lora-rank" not in read_sglang(export(partly, "sglang", PLAN)[0]["right"])


def test_a_base_alone_is_a_server_without_adapters() -> None:
    plan = {"placed": {"left": ["base"]}}
    assert read_vllm(export(adapters(), "vllm", plan, max_lora_rank=8)[0]["left"])["lora-modules"] == []
    alone = read_sglang(export(adapters(), "sglang", plan, models=["base"])[0]["left"])
    assert alone == {"model-path": "/models/acme/base one", "lora-paths": []}


def test_kserve_has_a_document_for_each_model() -> None:
    plan = {"placed": {"gpu-a": ["acme-base", "Qwen3"], "gpu-b": ["Qwen3"]}}
    files, remark = export(whole(), "kserve", plan, names={"Qwen3": "qwen3-8b"})
    base, qwen = read_kserve(files[""])
    assert base["spec"] == {
        "sourceModelUri": "hf://acme/base:0123abc",
        "modelSize": 16_060_000_000,
        "nodeGroups": ["gpu-a"],
    }
    assert qwen["metadata"]["name"] == "qwen3-8b"
    assert qwen["spec"]["sourceModelUri"] == "hf://Qwen/Qwen3-8B"
    assert qwen["spec"]["nodeGroups"] == ["gpu-a", "gpu-b"]
    assert "--whole-repository" in remark
    with pytest.raises(edgeopt.UsageError, match=r"'Qwen3' breaks a rule of the target.*--rename Qwen3=NAME"):
        export(whole(), "kserve", plan)


@pytest.mark.parametrize(
    ("target", "change", "plan", "message"),
    [
        ("sglang", {"library.shared_by": "nobody"}, PLAN, "takes libraries of --shared-by lora"),
        ("sglang", {}, {"placed": {"left": ["law"], "right": ["odd"]}}, "'odd' came from 'ollama://"),
        ("sglang", {"library.models.law.source": None}, PLAN, "does not tell where 'law' came from"),
        ("sglang", {"nodes.right.storage_bytes": 200}, {"placed": {"right": ["law", "other"]}}, "of several bases"),
        ("sglang", {}, {"placed": {}}, "places nothing"),
        ("vllm", {}, {"placed": {}}, "places nothing"),
        ("sglang", {}, None, "needs a solution"),
        ("sglang", {}, {"placed": {"left": ["law", "tax", "wide", "odd"]}}, "the plan breaks: storage"),
        ("kserve", {}, PLAN, "shared by 'lora', but KServe stores each model whole"),
    ],
)
def test_refusals_name_their_reason(target: str, change: dict[str, Any], plan: Any, message: str) -> None:
    with pytest.raises(edgeopt.UsageError, match=message):
        export(adapters().replace(**change), target, plan, max_lora_rank=8)


@pytest.mark.parametrize("name", ["a b", "a:b", "a=b", "a,b", "a\nb"])
def test_names_of_adapters_keep_the_rules(name: str) -> None:
    with pytest.raises(edgeopt.UsageError, match="breaks a rule"):
        export(adapters(), "sglang", PLAN, names={"law": name})


def test_kserve_takes_models_of_the_hub_only() -> None:
    changed = whole().replace(**{"library.models.acme-base.source": "file:///models/base"})
    with pytest.raises(
        edgeopt.UsageError, match="came from 'file:///models/base'; this export takes models of the hub"
    ):
        export(changed, "kserve", {"placed": {"gpu-a": ["acme-base"]}})


def test_the_verb_writes_a_file_for_each_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    instance = adapters()
    instance.write("i.json")
    edgeopt.solve(instance, lambda instance: PLAN).write("s.json")
    code, _, err = run("export", "i.json", "s.json", "--to", "sglang", "-o", "out.yaml")
    assert code == 0
    assert sorted(path.name for path in Path().glob("out*")) == ["out-left.yaml", "out-right.yaml"]
    for node in ("left", "right"):
        text = Path(f"out-{node}.yaml").read_text()
        assert [a["lora_name"] for a in read_sglang(text)["lora-paths"] if a["pinned"]] == [
            model for model in PLAN["placed"][node] if model != "base"
        ]
        assert text.startswith("# Written by edgeopt ")
        assert "from s.json. Nothing was executed." in text
    assert "written to out-left.yaml, out-right.yaml" in err
    code, _, err = run("export", "i.json", "s.json", "--to", "sglang", "-o", "out.yml", "--models", "base,law")
    assert code == 0
    assert [a["lora_name"] for a in read_sglang(Path("out.yml").read_text())["lora-paths"]] == ["law"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["i.json", "--to", "sglang", "-o", "o.yaml"], "needs a solution"),
        (["i.json", "--to", "sglan", "-o", "o.yaml"], "did you mean 'sglang'"),
        (["i.json", "--to", "sglang", "-o", "o.json"], "should end in .yaml or .yml"),
        (["i.json", "--to", "sglang", "-o", "o.yaml", "--rename", "law"], "should be MODEL=NAME"),
        (["i.json", "--to", "sglang", "-o", "o.yaml", "--models", "lawn"], "did you mean 'law'"),
        (["no.json", "--to", "sglang", "-o", "o.yaml"], "no such file"),
    ],
)
def test_what_cannot_be_meant_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    adapters().write("i.json")
    code, _, err = run("export", *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("o*"))

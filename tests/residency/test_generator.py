"""Instances of `residency` from logs and drawn ones, and pictures of their plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgeopt
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.quantities import size_bytes
from edgeopt.residency.generator import generate
from tests.cli.program import run
from tests.exports.shapes import read_llama_swap
from tests.residency.random_instances import random_instance


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a library of two models and a log of six requests."""
    monkeypatch.chdir(tmp_path)
    library = ModelLibrary(
        name="box", blocks={"a": 6000, "b": 5000}, models={name: Model(blocks=[name]) for name in ("a", "b")}
    )
    library.write("box.json")
    Path("log.csv").write_text("time,model\n3,b\n1,a\n2,b\n4,a\n5,b\n6,b\n")
    return tmp_path


def test_the_first_part_of_the_log_is_past(folder: Path) -> None:
    instance = generate(library="box.json", requests="log.csv", memory_bytes="8kB", load_rate_bytes_per_s=1000.0)
    assert instance.past == {"a": 1, "b": 2}
    assert instance.requests == ["a", "b", "b"]
    assert instance.load_s == {"a": 6.0, "b": 5.0}
    assert instance.memory_bytes == 8000
    assert generate(library="box.json", requests="log.csv", memory_bytes=8000, past=0.0).past == {}


def test_names_come_from_the_servers_configuration_and_go_back_there(folder: Path) -> None:
    pytest.importorskip("yaml")
    models = {name: Model(blocks=[name], source=f"file:///srv/{name}.gguf") for name in ("a", "b")}
    ModelLibrary.read("box.json").replace(models=models).write("box.json")
    Path("swap.yaml").write_text(
        "models:\n  chat:\n    cmd: llama-server -m /srv/a.gguf\n  code:\n    cmd: llama-server -m /srv/b.gguf\n"
        "    aliases: [coder]\n  idle:\n    cmd: llama-server -m /srv/a.gguf --embeddings\n"
    )
    Path("log.csv").write_text("model\nchat\ncoder\ncode\nb\n")
    options = ("--library", "box.json", "--requests", "log.csv", "--memory", "8kB", "--past", "0")
    assert run("generate", "residency", *options, "--config", "swap.yaml", "-o", "gpu.json")[0] == 0
    assert edgeopt.read("gpu.json").requests == ["a", "b", "b", "b"]
    code, _, err = run("export", "gpu.json", "--to", "llama-swap", "--config", "swap.yaml", "-o", "matrix.yaml")
    assert code == 0
    assert "sets fit" in err
    assert set(read_llama_swap(Path("matrix.yaml").read_text())["vars"].values()) == {"code", "chat"}


def test_measured_load_times_have_a_fixed_part(folder: Path) -> None:
    Path("times.csv").write_text("bytes,seconds\n1000,3\n2000,4\n")
    instance = generate(library="box.json", requests="log.csv", memory_bytes="8kB", load_times="times.csv")
    assert instance.load_seconds("a") == pytest.approx(2.0 + 6.0)


def test_footprints_stay_with_the_weights_and_are_not_loaded(folder: Path) -> None:
    """What a process takes beside weights is in the first block: of the base, where adapters share the process."""
    Path("log.csv").write_text("model\nx\ny\nz\nx\n")
    models = {
        "x": Model(blocks=["base", "x"], base="z"),
        "y": Model(blocks=["base", "y"], base="z"),
        "z": Model(blocks=["base"], cache_bytes_per_token=2),
    }
    library = ModelLibrary(name="lora", shared_by="lora", blocks={"base": 6000, "x": 100, "y": 200}, models=models)
    common: dict[str, Any] = {"requests": "log.csv", "load_rate_bytes_per_s": 1000.0, "memory_bytes": 10**4}
    instance = generate(library=library, overhead_bytes="1kB", context=50, **common)
    assert instance.library.blocks == {"base": 7100, "x": 100, "y": 200}
    assert instance.load_s == {"base": 6.0, "x": 0.1, "y": 0.2}
    Path("measured.csv").write_text("model,bytes\nx,8000\n")
    measured = generate(library=library, footprints="measured.csv", overhead_bytes=0, **common)
    assert measured.library.size_bytes("x") == 8000
    assert measured.load_s == instance.load_s
    whole = ModelLibrary.read("box.json").replace(shared_by="nobody")
    Path("log.csv").write_text("model\na\nb\n")
    one = generate(library=whole, overhead_bytes=7, **common)
    assert one.library.blocks == {"a": 6007, "b": 5007}
    assert one.load_s == {"a": 6.0, "b": 5.0}
    remarks = list(generate.recipe(library=whole, overhead_bytes=7, **common).remarks())
    assert any("2 models are estimated" in remark for remark in remarks)
    assert generate(library="box.json", **common).library.blocks == {"a": 6000, "b": 5000}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--memory", "5.5kB"], "too little for requested models: 'a' (6 kB)"),
        (["--memory", "much"], "'much' is not a size"),
        (["--memory", "8kB", "--rename", "c=a"], "no request is for 'c'"),
        (["--memory", "8kB", "--rename", "a"], "'a' should be LOG=MODEL"),
        (["--memory", "8kB", "--load-rate", "0"], "--load-rate"),
        (["--memory", "8kB", "--past", "1.5"], "--past"),
    ],
)
def test_what_cannot_be_meant_is_one_error(folder: Path, arguments: list[str], message: str) -> None:
    code, _, err = run(
        "generate", "residency", "--library", "box.json", "--requests", "log.csv", *arguments, "-o", "o.json"
    )
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_what_a_disk_shares_is_refused(folder: Path) -> None:
    ModelLibrary.read("box.json").replace(shared_by="store").write("box.json")
    with pytest.raises(edgeopt.UsageError, match="a GPU does not"):
        generate(library="box.json", requests="log.csv")


def test_the_verbs_know_the_problem(folder: Path) -> None:
    code, _, err = run("generate", "residency", "--models", "6", "--count", "80", "-o", "drawn.json")
    assert code == 0
    assert "load times are assumed" in err
    code, out, _ = run("compare", "drawn.json", "-q")
    assert code == 0
    assert "optimum:" in out
    assert "proven" in out
    assert run("solve", "drawn.json", "-q", "-o", "s.json")[0] == 0
    assert run("check", "drawn.json", "s.json")[0] == 0
    assert run("plot", "s.json", "-o", "s.png")[0] == 0


def test_a_model_that_does_not_fit_is_named(folder: Path) -> None:
    instance = generate(library="box.json", requests="log.csv", memory_bytes="8kB")
    instance.replace(memory_bytes=5500).write("small.json")
    code, out, err = run("solve", "small.json")
    assert code == 3
    assert "'a' does not fit on the GPU: 'a' lacks 500 bytes" in out + err


def test_tables_and_pictures_agree_with_the_checker() -> None:
    for seed in range(60):
        instance = random_instance(seed)
        if instance.too_large():
            continue
        solution = edgeopt.solve(instance, "lru")
        frame = solution.to_frame()
        assert len(frame) == len(instance.requests)
        assert frame["loading_s"].sum() == pytest.approx(solution.objective)
        assert frame["loaded_bytes"].sum() == solution.metrics["loaded_bytes"]
        assert (frame["free_bytes"] >= 0).all()
        peak = instance.memory_bytes - frame["free_bytes"].min() if len(frame) else 0
        assert peak == solution.metrics["peak_bytes"]
        if seed < 6 and instance.requests:
            figure = solution.plot()
            memory, models = figure.axes
            assert len(models.get_yticks()) == len(set(instance.requests))
            assert memory.get_ylabel() == "memory"
            drawn = sum(len(points.get_offsets()) for points in models.collections if hasattr(points, "get_sizes"))
            assert drawn >= len(instance.requests)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24GB", 24 * 10**9), ("16 GiB", 16 * 2**30), ("200e9", 200 * 10**9), ("1.5kB", 1500), ("7", 7), ("3 B", 3)],
)
def test_sizes_are_read_with_their_units(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "-3GB", "24 Gb", "24GBs", "1,5GB", "nan"])
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(edgeopt.UsageError, match="is not a size"):
        size_bytes(text)

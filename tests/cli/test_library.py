"""The verb `library`: scan and from-config, their files, messages and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeopt.libraries.library import ModelLibrary
from tests.cli.program import run
from tests.libraries.checkpoints.files import fine_tuned, network, raw, size, write, write_adapter


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    monkeypatch.setattr("edgeopt.libraries.checkpoints.cache.YOUNG_NS", 0)
    return folder / "edgeopt" / "digests.json"


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    write(folder / "base", network(0))
    write(folder / "tuned", fine_tuned(network(0), 2, seed=1))
    write_adapter(folder / "lora", "owner/base", seed=2)
    return folder


class TestScan:
    def test_library_trace_and_figure(self, checkpoints: Path, tmp_path: Path) -> None:
        output, trace, figure = tmp_path / "l.json", tmp_path / "t.json", tmp_path / "f.svg"
        code, out, err = run("library", "scan", checkpoints, "-o", output, "--trace", trace, "--figure", figure)
        assert code == 0, err
        library = ModelLibrary.read(output)
        assert set(library.models) == {"base", "tuned", "lora"}
        assert library.size_bytes("base") == size(network(0))
        data = json.loads(trace.read_text())
        assert data["models"]["base"]["tensors"]["head.weight"]["shape"] == [10, 16]
        assert figure.read_text().lstrip().startswith("<?xml")
        assert "sharing saves" in out
        assert "3 with" in out
        assert "adapter 'lora' is on the base 'base'" in err

    def test_second_scan_is_remembered(self, checkpoints: Path, tmp_path: Path, own_cache: Path) -> None:
        first = run("library", "scan", checkpoints, "-o", tmp_path / "l.json")
        before = (tmp_path / "l.json").read_bytes()
        assert own_cache.exists()
        second = run("library", "scan", checkpoints, "-o", tmp_path / "l.json")
        assert (first[0], second[0]) == (0, 0)
        assert ("earlier scan" in first[1], "earlier scan" in second[1]) == (False, True)
        assert (tmp_path / "l.json").read_bytes() == before

    def test_cache_of_ones_own(self, checkpoints: Path, tmp_path: Path, own_cache: Path) -> None:
        assert run("library", "scan", checkpoints, "-o", tmp_path / "l.json", "--cache", tmp_path / "c.json")[0] == 0
        assert (tmp_path / "c.json").exists()
        assert not own_cache.exists()

    def test_progress_on_a_terminal(self, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("edgeopt.cli.library.on_terminal", lambda: True)
        monkeypatch.setenv("FORCE_COLOR", "1")
        code, out, err = run("library", "scan", checkpoints, "-o", tmp_path / "l.json")
        assert code == 0
        assert "sharing saves" in out
        assert "kB" in err
        assert "\x1b" not in out

    def test_options(self, checkpoints: Path, tmp_path: Path) -> None:
        options = ("--group-by", "layer", "--min-block-bytes", 1100, "--ignore", "head.*", "--threads", 2, "-q")
        code, _, err = run("library", "scan", checkpoints, "-o", tmp_path / "l.json", *options)
        assert code == 0, err
        library = ModelLibrary.read(tmp_path / "l.json")
        assert library.size_bytes("base") == size(network(0)) - 640
        assert all(atom.size_bytes >= 1100 for atom in library.atoms() if len(atom.models) > 1)
        assert any("layers." in block for block in library.blocks)

    def test_base_option(self, checkpoints: Path, tmp_path: Path) -> None:
        arguments = ("library", "scan", checkpoints, "-o", tmp_path / "l.json", "--base")
        assert run(*arguments, "lora=tuned")[0] == 0
        tuned = size(network(0))
        assert ModelLibrary.read(tmp_path / "l.json").size_bytes("lora") == tuned + 1024
        for wrong in ("lora", "lora=", "=tuned", "lora=nothing"):
            code, _, err = run(*arguments, wrong)
            assert code == 2
            assert err.startswith("edgeopt: ")

    def test_ways_to_share(self, checkpoints: Path, tmp_path: Path) -> None:
        unique = {}
        for way in ("content", "store", "lora", "nobody"):
            code, out, err = run("library", "scan", checkpoints, "-o", tmp_path / "l.json", "--shared-by", way)
            assert code == 0, err
            library = ModelLibrary.read(tmp_path / "l.json")
            assert library.shared_by == way
            assert library.models["lora"].base == "base"
            unique[way] = library.summary().unique_bytes
            assert "stores     files" in out
            assert ("content not read" in out) is (way != "content")
        assert unique["content"] < unique["store"] == unique["lora"] < unique["nobody"]

    def test_compute_times(self, checkpoints: Path, tmp_path: Path) -> None:
        runs = [
            {"model_filename": f"x/{name}.gguf", "n_prompt": prompt, "n_gen": answer, "avg_ts": 100.0}
            for name in ("base", "tuned")
            for prompt, answer in ((512, 0), (0, 128))
        ]
        (tmp_path / "b.json").write_text(json.dumps(runs[:-1]))
        scan = ("library", "scan", checkpoints, "-o", tmp_path / "l.json", "--bench", tmp_path / "b.json")
        code, _, err = run(*scan, "--sample-tokens", "300,200")
        assert code == 0, err
        assert "no compute times: tuned" in err
        models = ModelLibrary.read(tmp_path / "l.json").models
        assert models["base"].compute_per_sample_s == models["lora"].compute_per_sample_s == 5.0
        for wrong in ((), ("--sample-tokens", "3"), ("--sample-tokens", "0,0"), ("--sample-tokens", "a,b")):
            assert run(*scan, *wrong)[0] == 2, wrong
        assert run(*scan[:-2], "--sample-tokens", "3,4")[0] == 2

    @pytest.mark.parametrize(
        ("header", "data", "length"),
        [
            (b"", b"", 2**63),
            (b"not json", b"", None),
            ({"t": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4), None),
            ({"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(3), None),
            ('{"t":{},"t":{}}', b"", None),
        ],
    )
    def test_bad_files(self, checkpoints: Path, tmp_path: Path, header: Any, data: bytes, length: int | None) -> None:
        bad = raw(checkpoints / "bad.safetensors", header, data, length)
        code, out, err = run("library", "scan", checkpoints, "-o", tmp_path / "l.json")
        assert (code, out) == (2, "")
        assert err.startswith(f"edgeopt: {bad}: ")
        assert "Traceback" not in err
        assert not (tmp_path / "l.json").exists()

    def test_bad_usage(self, checkpoints: Path, tmp_path: Path) -> None:
        target = tmp_path / "l.json"
        for arguments in (
            (tmp_path / "nowhere", "-o", target),
            (checkpoints, "-o", tmp_path / "no" / "l.json"),
            (checkpoints, "-o", target, "--trace", target),
            (checkpoints, "-o", target, "--threads", 0),
            (checkpoints, "-o", target, "--min-block-bytes", -1),
            (checkpoints, "-o", target, "--group-by", "colour"),
            (checkpoints, "-o", target, "--figure", tmp_path / "f.xyz"),
            (checkpoints, "-o", target, "--shared-by", "store", "--trace", tmp_path / "t.json"),
            (checkpoints, "-o", target, "--shared-by", "store", "--ignore", "*"),
            (checkpoints, "-o", target, "--with-missing"),
            (checkpoints, "-o", target, "--whole-repository", "--shared-by", "lora"),
            (checkpoints, "-o", target, "--shared-by", "everybody"),
            (checkpoints, "-o", target, "--base", "lora=base", "--base", "lora=tuned"),
            (checkpoints, "-o", tmp_path / "l.gguf"),
            (checkpoints, "-o", checkpoints / "base" / "model.safetensors"),
            (checkpoints, "-o", target, "--trace", checkpoints / "lora" / "adapter_config.json"),
        ):
            code, _, err = run("library", "scan", *arguments)
            assert code == 2, arguments
            assert "Traceback" not in err
            assert not target.exists()

    def test_hostile_names_are_written(self, tmp_path: Path) -> None:
        write(tmp_path / "a", {'"quoted"\n[red]\x00é': np.ones(3), ".": np.ones(4), "": np.ones(5)})
        code, _, err = run("library", "scan", tmp_path, "-o", tmp_path / "l.json", "--trace", tmp_path / "t.json")
        assert code == 0, err
        assert ModelLibrary.read(tmp_path / "l.json").size_bytes("a") == 96
        assert len(json.loads((tmp_path / "t.json").read_text())["models"]["a"]["tensors"]) == 3


class TestFromConfig:
    def test_fine_tuned_and_adapters(self, tmp_path: Path) -> None:
        options = ("--models", 3, "--freeze", "4,8", "--classes", 10, "--figure", tmp_path / "f.png")
        code, out, err = run("library", "from-config", "resnet18", "resnet50", "-o", tmp_path / "l.json", *options)
        assert code == 0, err
        library = ModelLibrary.read(tmp_path / "l.json")
        assert len(library.models) == 8
        assert library.size_bytes("resnet50") == 4 * 25_557_032
        assert library.size_bytes("resnet50-tuned1") == 4 * (25_557_032 - 990 * 2049)
        assert "tree" in out
        assert (tmp_path / "f.png").exists()

    def test_adapters(self, tmp_path: Path) -> None:
        options = ("--adapters", 2, "--rank", "4, 64", "--modules", "q_proj,v_proj", "--parameter-bits", 16)
        code, out, err = run("library", "from-config", "llama-2-7b", "-o", tmp_path / "l.json", *options)
        assert code == 0, err
        library = ModelLibrary.read(tmp_path / "l.json")
        assert library.size_bytes("llama-2-7b") == 2 * 6_738_415_616
        assert library.size_bytes("llama-2-7b-lora2") - library.size_bytes("llama-2-7b") == 2 * 64 * 64 * 8192
        assert "backbone" in out

    @pytest.mark.parametrize(
        "arguments",
        [
            ("resnet5",),
            ("resnet18", "resnet18"),
            ("resnet18", "--models", 2),
            ("resnet18", "--models", 2, "--freeze", "9"),
            ("resnet18", "--models", 2, "--freeze", "1;2"),
            ("resnet18", "--adapters", 1, "--rank", 4, "--modules", "q_proj"),
            ("missing.json",),
        ],
    )
    def test_bad_usage(self, tmp_path: Path, arguments: tuple[Any, ...]) -> None:
        code, out, err = run("library", "from-config", *arguments, "-o", tmp_path / "l.json")
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        assert not (tmp_path / "l.json").exists()

"""Every shipped file is valid, is made again byte for byte by its command, and agrees with the data it comes from."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

import edgeopt
from benchmarks.loading.sharing import unshared
from edgeopt.cli.application import app
from edgeopt.libraries.library import ModelLibrary
from edgeopt.loading.instance import LoadingInstance
from tests.loading.brute_force import optimum
from tests.loading.streams.brute_force import stream_optimum

ROOT = Path(__file__).parent.parent
INSTANCES = ROOT / "instances"
LIBRARIES = INSTANCES / "libraries"
DATA = Path(os.environ.get("EDGEOPT_DATA", ROOT.parent / "shared" / "data"))
HANDWRITTEN = {"tiny.json", "tiny-crossing.json", "tiny-individual.json", "tiny-stream.json"}
LOADING_FILES = sorted(path.name for path in (INSTANCES / "loading").glob("*.json"))
COMMANDS = re.findall(r"^edgeopt (generate loading .*)$", (INSTANCES / "loading" / "README.md").read_text(), re.M)


def large_is_slow(text: str) -> Any:
    """Make a test's argument of a file's name or of the command that makes it."""
    stem = Path(shlex.split(text)[-1]).stem
    return pytest.param(text, id=stem, marks=[pytest.mark.slow] if "x1000" in stem else [])


def load_module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, LIBRARIES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def modules() -> Iterator[tuple[Any, Any]]:
    """The modules `figures` and `build`, which is a script and imports its neighbour by name."""
    kept = {name: sys.modules.get(name) for name in ("figures", "build")}
    yield load_module("figures"), load_module("build")
    for name, module in kept.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


@pytest.fixture(scope="module")
def figures(modules: tuple[Any, Any]) -> Any:
    return modules[0]


def data_file(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path


# --- Files ------------------------------------------------------------------------------------------------------------
def test_libraries_are_made_again(modules: tuple[Any, Any], tmp_path: Path) -> None:
    made = {f"{library.name}.json": library for library in (make() for make in modules[1].LIBRARIES)}
    assert set(made) == {path.name for path in LIBRARIES.glob("*.json")}
    for name, library in made.items():
        library.write(tmp_path / name)
        assert (tmp_path / name).read_bytes() == (LIBRARIES / name).read_bytes()


@pytest.mark.parametrize("name", [large_is_slow(name) for name in LOADING_FILES])
def test_instances_are_valid(name: str) -> None:
    instance = edgeopt.read(INSTANCES / "loading" / name)
    assert instance.name == Path(name).stem
    sizes = re.search(r"(\d+)x(\d+)", name)
    if sizes:
        assert (len(instance.library.models), len(instance.users)) == tuple(map(int, sizes.groups()))  # type: ignore[attr-defined]


def test_every_instance_has_its_command() -> None:
    made = [Path(shlex.split(command)[-1]).name for command in COMMANDS]
    assert sorted([*made, *HANDWRITTEN]) == LOADING_FILES


@pytest.mark.parametrize("command", [large_is_slow(command) for command in COMMANDS])
def test_instances_are_made_again(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(LIBRARIES, tmp_path / "instances" / "libraries", ignore=shutil.ignore_patterns("*.py", "__*"))
    (tmp_path / "instances" / "loading").mkdir()
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(command)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / arguments[-1]).read_bytes() == (ROOT / arguments[-1]).read_bytes()


@pytest.mark.parametrize(
    ("name", "served", "served_without_sharing"),
    [("tiny", 7, 5), ("tiny-crossing", 6, 4), ("tiny-individual", 6, 3), ("tiny-stream", 7, 6)],
)
def test_optima_of_the_handwritten_ones(name: str, served: int, served_without_sharing: int) -> None:
    instance = edgeopt.read(INSTANCES / "loading" / f"{name}.json")
    assert isinstance(instance, LoadingInstance)
    enumerate_all = stream_optimum if instance.stream else optimum
    assert enumerate_all(instance) == served
    alone = instance.model_copy(update={"library": unshared(instance.library, 0.0, seed=0)})
    assert enumerate_all(alone) == served_without_sharing


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in (INSTANCES / "loading").iterdir()) < 6_000_000


# --- Sharing ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "structure", "width"),
    [
        ("resnet-freeze", "tree", 1),
        ("resnet-detection", "general", 60),
        ("llama-lora", "backbone", 1),
        ("vision-language", "general", 11),
    ],
)
def test_structure_of_the_libraries(name: str, structure: str, width: int) -> None:
    summary = ModelLibrary.read(LIBRARIES / f"{name}.json").summary()
    assert (summary.models, summary.structure, summary.width) == (60, structure, width)


def test_models_add_up_to_whole_networks(figures: Any) -> None:
    library = ModelLibrary.read(LIBRARIES / "resnet-freeze.json")
    for backbone, network in figures.RESNETS.items():
        for task, classes in figures.CLASSIFICATION_TASKS.items():
            assert library.size_bytes(f"{backbone}-{task}") == 4 * network.parameters(classes)


# --- Known totals -----------------------------------------------------------------------------------------------------
def test_known_totals(figures: Any) -> None:
    resnets = {name: network.parameters() for name, network in figures.RESNETS.items()}
    assert resnets == {"resnet18": 11_689_512, "resnet50": 25_557_032, "resnet152": 60_192_808}
    assert figures.LLAMA2_7B.parameters() == 6_738_415_616
    assert figures.LLAMA31_8B.parameters() == 8_030_261_248


def test_detector_total(figures: Any) -> None:
    """Faster R-CNN of 90 classes has 41,755,286 parameters, its backbone's normalisation not counted."""
    normalisation = 53_120
    backbone = figures.RESNETS["resnet50"].parameters(0)
    heads = figures.REGION_PROPOSAL + figures.BOX_HEAD + figures.box_predictor(90)
    pyramid = figures.pyramid_inner("resnet50") + figures.PYRAMID_OUTER
    assert backbone + pyramid + heads - normalisation == 41_755_286


# --- Against the data, when it is there -------------------------------------------------------------------------------
def torchinfo_rows(name: str) -> list[tuple[int, str, int]]:
    """Depth in the tree, layer and own parameters of each row."""
    rows = []
    for line in data_file(f"model_structures/torchinfo/{name}.out").read_text().splitlines():
        match = re.match(r"^([│ ]*)[├└]─(\w+): [\d-]+.*?\s([\d,]+|--|\(recursive\))(?:\s+[\d.]+%|\s+--)?\s*$", line)
        if match:
            count = match[3].replace(",", "")
            rows.append((len(match[1]) // 5, match[2], int(count) if count.isdigit() else 0))
    return rows


@pytest.mark.parametrize("name", ["resnet50", "resnet152"])
def test_bottlenecks(figures: Any, name: str) -> None:
    blocks: list[int] = []
    stem = 0
    for depth, layer, parameters in torchinfo_rows(name):
        if layer == "Bottleneck":
            blocks.append(0)
        elif depth >= 2:
            blocks[-1] += parameters
        elif not blocks:
            stem += parameters
    network = figures.RESNETS[name]
    assert blocks == [block for layer in network.layers for block in layer]
    assert stem == figures.STEM


def test_basic_blocks(figures: Any) -> None:
    rows = torchinfo_rows("resnet18_depth_consistency")
    blocks = [parameters for _, layer, parameters in rows if layer == "BasicBlock"]
    assert blocks == [block for layer in figures.RESNET18_LAYERS for block in layer]
    assert sum(p for _, layer, p in rows[:2]) == figures.STEM


def test_detector_parts(figures: Any) -> None:
    text = data_file("model_structures/torchinfo/fasterrcnn.out").read_text()
    numbers = {int(number.replace(",", "")) for number in re.findall(r"\s(\d[\d,]*)\n", text)}
    assert {figures.pyramid_inner("resnet50"), figures.PYRAMID_OUTER, 590_080, 771, 3_084} <= numbers
    assert {12_846_080, 1_049_600, 93_275, 373_100} <= numbers
    assert figures.box_predictor(90) == 93_275 + 373_100
    assert f"Total mult-adds (G): {figures.DETECTION_RESNET50_GMACS}" in text
    assert f"Forward/backward pass size (MB): {2 * figures.DETECTION_RESNET50_BYTES / 1e6:.2f}" in text


def test_llama_totals(figures: Any) -> None:
    folder = data_file("model_structures/llm_index")

    def total(name: str) -> int:
        return int(json.loads((folder / name).read_text())["metadata"]["total_size"])

    frequencies = 32 * 64 * 4  # the files of Llama 2 also hold each layer's 64 rotary frequencies
    assert 4 * figures.LLAMA2_7B.parameters() + frequencies == total("llama2-7b.model.safetensors.index.json")
    assert 4 * figures.LLAMA2_7B.parameters() + frequencies == total("llama2-7b-custom-ft.pytorch_model.bin.index.json")
    assert figures.LLAMA31_8B.stored_bytes() == total("llama3.1-8b-instruct.model.safetensors.index.json")


def test_llama_shapes(figures: Any) -> None:
    for name, base in (("llama2-7b", figures.LLAMA2_7B), ("llama3.1-8b-instruct", figures.LLAMA31_8B)):
        config = json.loads(data_file(f"model_structures/llm_index/{name}.config.json").read_text())
        heads = config["num_attention_heads"]
        key_value = config["hidden_size"] // heads * config.get("num_key_value_heads", heads)
        found = (config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"], config["vocab_size"])
        assert found == (base.hidden, base.intermediate, base.layers, base.vocabulary)
        assert key_value == base.key_value


def test_lora_settings(figures: Any) -> None:
    settings = set()
    for path in data_file("model_structures/lora_adapters").glob("*.json"):
        config = json.loads(path.read_text())
        modules = config["target_modules"]
        layers = {module.split(".")[2] for module in modules if "." in module}
        settings.add((config["r"], frozenset(m.rsplit(".", 1)[-1] for m in modules), len(layers) or None))
    expected = {(s.rank, frozenset(s.modules), s.layers) for s in figures.LORA_SETTINGS.values()}
    assert settings == expected


TIMM_NAMES = {
    "clip-l-336": "vit_large_patch14_clip_336",
    "siglip-so400m-384": "vit_so400m_patch14_siglip_384",
    "dinov2-l-518": "vit_large_patch14_dinov2",
}


def timm_rows(pixels_key: str, name: str) -> dict[tuple[str, int], dict[str, str]]:
    with data_file(f"timm/{name}.csv").open(newline="") as stream:
        return {(row["model"], int(row[pixels_key])): row for row in csv.DictReader(stream)}


def test_measured_speed(figures: Any) -> None:
    rows = timm_rows("infer_img_size", "benchmark-infer-amp-nchw-pt240-cu124-rtx3090")
    speeds = {name: network.speed for name, network in figures.RESNETS.items()}
    speeds |= {TIMM_NAMES[name]: tower.speed for name, tower in figures.TOWERS.items()}
    for name, speed in speeds.items():
        row = rows[name, speed.pixels]
        assert float(row["infer_samples_per_sec"]) == speed.images_per_s
        assert (float(row["infer_gmacs"]), float(row["infer_macts"])) == (speed.gmacs, speed.macts)
    row = rows["vit_large_patch14_clip_224", 224]
    assert 2e9 * float(row["infer_gmacs"]) * float(row["infer_samples_per_sec"]) == figures.REACHED_FLOPS


def test_accuracy(figures: Any) -> None:
    rows = timm_rows("img_size", "results-imagenet")
    for name, network in figures.RESNETS.items():
        assert float(rows[f"{name}.tv_in1k", 224]["top1"]) == pytest.approx(100 * network.speed.top1)


def test_towers_have_the_published_parameters(figures: Any) -> None:
    rows = timm_rows("infer_img_size", "benchmark-infer-amp-nchw-pt240-cu124-rtx3090")
    for name, tower in figures.TOWERS.items():
        classifier = (tower.width + 1) * 1000 if name == "clip-l-336" else 0
        published = float(rows[TIMM_NAMES[name], tower.speed.pixels]["param_count"])
        assert round((tower.parameters() + classifier) / 1e6, 2) == published


def test_load_rate_and_decoding(figures: Any) -> None:
    from edgeopt.loading.generator import LOAD_RATE_BYTES_PER_S

    folder = "loading_times/benchmarks/results/a5000_2024"
    runs = json.loads(data_file(f"{folder}/facebook_opt-6.7b_safetensors_30_random.json").read_text())
    half_precision_bytes = 2 * 6_658_473_984
    measured = half_precision_bytes / median(run["loading_time"] for run in runs)
    assert measured == pytest.approx(LOAD_RATE_BYTES_PER_S, rel=0.005)
    assert median(run["throughput"] for run in runs) == pytest.approx(figures.TOKENS_PER_S, abs=0.001)


def test_answer_length(figures: Any) -> None:
    with data_file("azure_llm/AzureLLMInferenceTrace_code.csv").open(newline="") as stream:
        assert median(int(row["GeneratedTokens"]) for row in csv.DictReader(stream)) == figures.ANSWER_TOKENS

"""Structures have the published numbers of parameters, and families share as freezing and adapters say."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.libraries.structures import Structure, library_of_structures
from edgeopt.libraries.structures.configurations import find_structure, known_structures, read_structure

DATA = Path(os.environ.get("EDGEOPT_DATA", Path(__file__).parents[4] / "shared" / "data"))
KNOWN = known_structures()
SMALL = Structure(stem=10, layers=(1, 2, 3, 4), tail=5, head=20, per_class=2, matrices={"a.q": (3, 4), "b.k": (5, 6)})


def data_file(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here")
    return DATA / name


# --- Published totals -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_689_512),
        ("resnet50", 25_557_032),
        ("resnet152", 60_192_808),
        ("bert-base-uncased", 109_482_240),
        ("vit-base-patch16-224", 86_567_656),
        ("llama-2-7b", 6_738_415_616),
        ("llama-3.1-8b", 8_030_261_248),
    ],
)
def test_totals(name: str, parameters: int) -> None:
    assert KNOWN[name].parameters() == parameters


def test_totals_of_measured_models() -> None:
    name = "timm/benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv"
    with data_file(name).open(newline="") as stream:
        published = {row["model"].replace("_", "-"): float(row["param_count"]) for row in csv.DictReader(stream)}
    shared = [name for name in KNOWN if name in published]
    assert len(shared) == 10
    for name in shared:
        assert round(KNOWN[name].parameters() / 1e6, 2) == published[name]


def test_parts_of_bert() -> None:
    text = data_file("model_structures/torchinfo/bert.out").read_text()
    rows = re.findall(r"─(\w+): [\d-]+.*?([\d,]+)$", text, re.M)
    sizes = [(kind, int(number.replace(",", ""))) for kind, number in rows]
    bert = KNOWN["bert-base-uncased"]
    assert [number for kind, number in sizes if kind == "BertLayer"] == list(bert.layers)
    assert sum(number for kind, number in sizes if kind in ("Embedding", "LayerNorm")) == bert.stem
    assert [number for kind, number in sizes if kind == "Linear"] == [bert.tail]


def test_llama_configurations() -> None:
    folder = data_file("model_structures/llm_index")
    name, structure = find_structure(str(folder / "llama2-7b.config.json"))
    assert (name, structure) == ("llama2-7b", KNOWN["llama-2-7b"])
    total = json.loads((folder / "llama2-7b.model.safetensors.index.json").read_text())["metadata"]["total_size"]
    frequencies = 32 * 64 * 4  # the files also hold each layer's 64 rotary frequencies
    assert 4 * structure.parameters() + frequencies == total
    with pytest.raises(InputError, match="quantization_config"):
        find_structure(str(folder / "llama3.1-8b-instruct.config.json"))


def test_published_adapters() -> None:
    from edgeopt.libraries.structures import LoraSetting

    for path in data_file("model_structures/lora_adapters").glob("Ali*.json"):
        config = json.loads(path.read_text())
        setting = LoraSetting(config["r"], tuple(config["target_modules"]))
        assert setting.parameters(KNOWN["llama-2-7b"]) == 32 * 2 * config["r"] * (4096 + 4096)


# --- Configuration files ----------------------------------------------------------------------------------------------
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "llama-3.1-8b": {
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 128256,
    },
    "bert-base-uncased": {
        "model_type": "bert",
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "vocab_size": 30522,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    },
    "vit-base-patch16-224": {
        "model_type": "vit",
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "patch_size": 16,
        "image_size": 224,
    },
    "resnet50": {"model_type": "resnet", "depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048]},
}
CONFIGURATIONS["resnet18"] = {
    "model_type": "resnet",
    "depths": [2, 2, 2, 2],
    "hidden_sizes": [64, 128, 256, 512],
    "layer_type": "basic",
    "id2label": {str(number): "x" for number in range(1000)},
}


def written(folder: Path, configuration: Any) -> Path:
    (folder / "net").mkdir()
    path = folder / "net" / "config.json"
    path.write_text(json.dumps(configuration))
    return path


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configuration_files(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, CONFIGURATIONS[name])
    assert find_structure(str(path)) == ("net", KNOWN[name])


def test_tied_embeddings(tmp_path: Path) -> None:
    path = written(tmp_path, CONFIGURATIONS["llama-3.1-8b"] | {"tie_word_embeddings": True})
    assert read_structure(path).parameters() == KNOWN["llama-3.1-8b"].parameters() - 128256 * 4096


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("resnet50", {"model_type": "resnext"}, "did you mean 'resnet'"),
        ("resnet50", {"depths": [3, 4, 6]}, "should have 4 numbers"),
        ("resnet50", {"depths": "3463"}, "list of whole numbers"),
        ("resnet50", {"hidden_sizes": [1, 2, 3, 4]}, "hidden_sizes"),
        ("llama-3.1-8b", {"hidden_size": 4096.0}, "whole number"),
        ("llama-3.1-8b", {"vocab_size": None}, "whole number"),
        ("llama-3.1-8b", {"num_hidden_layers": 10**9}, "from 1 to"),
        ("llama-3.1-8b", {"num_attention_heads": 33}, "do not divide"),
        ("llama-3.1-8b", {"head_dim": 64}, "head_dim"),
        ("llama-3.1-8b", {"attention_bias": True}, "attention_bias"),
        ("llama-3.1-8b", {"quantization_config": {"bits": 4}}, "quantization_config"),
        ("vit-base-patch16-224", {"qkv_bias": False}, "qkv_bias"),
    ],
)
def test_bad_configurations(tmp_path: Path, name: str, changes: dict[str, Any], words: str) -> None:
    path = written(tmp_path, CONFIGURATIONS[name] | changes)
    with pytest.raises(InputError, match=words) as caught:
        read_structure(path)
    assert caught.value.file == str(path)


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'resnet50'"):
        find_structure("resnet5")
    with pytest.raises(InputError, match="no such file"):
        find_structure(str(tmp_path / "config.json"))
    with pytest.raises(InputError, match="model_type"):
        find_structure(str(written(tmp_path, [])))


# --- Families ---------------------------------------------------------------------------------------------------------
def test_freezing_depths() -> None:
    library = library_of_structures({"n": SMALL}, models=4, freeze=[3, 1, 0], classes=7, bits_per_parameter=16)
    whole = 10 + 10 + 5
    assert library.size_bytes("n") == 2 * (whole + 20)
    shared = {"n-tuned1": 10 + 1 + 2 + 3, "n-tuned2": 10 + 1, "n-tuned3": 0, "n-tuned4": 16}
    for name, frozen in shared.items():
        assert library.size_bytes(name) == 2 * (whole + 14)
        assert sum(library.blocks[block] for block in library.models[name].blocks[:-1]) == 2 * frozen
        assert set(library.models[name].blocks[:-1]) <= set(library.models["n"].blocks)
    assert library.summary().structure == "tree"
    assert library.size_bytes("n-tuned1") == library.size_bytes("n-tuned4")


def test_adapters() -> None:
    library = library_of_structures({"n": SMALL, "m": SMALL}, adapters=3, ranks=[2, 8], modules=["q", "b.k"])
    for base in "nm":
        for number, rank in enumerate((2, 8, 2), 1):
            assert library.models[f"{base}-lora{number}"].blocks[:-1] == library.models[base].blocks
            own = library.size_bytes(f"{base}-lora{number}") - library.size_bytes(base)
            assert own == 4 * 4 * rank * (3 + 4 + 5 + 6)
    assert library.summary().structure == "backbone"


@pytest.mark.parametrize("name", KNOWN)
def test_all_layers_frozen(name: str) -> None:
    structure = KNOWN[name]
    library = library_of_structures({name: structure}, models=1, freeze=[len(structure.layers)], classes=10)
    (own,) = set(library.models[f"{name}-tuned1"].blocks) - set(library.models[name].blocks)
    assert library.blocks[own] == 4 * (structure.tail + 10 * structure.per_class)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"models": 1}, "need freezing depths"),
        ({"models": 1, "freeze": [5]}, "has 4 layers"),
        ({"models": 1, "freeze": [-1]}, "at least 0"),
        ({"models": -1}, "at least 0"),
        ({"adapters": 1, "ranks": [4]}, "names of the matrices"),
        ({"adapters": 1, "modules": ["q"]}, "need ranks"),
        ({"adapters": 1, "ranks": [0], "modules": ["q"]}, "at least 1"),
        ({"adapters": 1, "ranks": [4], "modules": ["v"]}, "no matrix is called 'v'"),
        ({"bits_per_parameter": 0}, "at least 1"),
        ({"classes": 0}, "at least 1"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        library_of_structures({"n": SMALL}, **arguments)

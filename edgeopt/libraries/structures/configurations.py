"""Structures by name, and from the `config.json` that stands beside published checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError, UsageError, suggestion
from edgeopt.files import read_json
from edgeopt.libraries.structures.bert import BERTS, Bert
from edgeopt.libraries.structures.llama import LLAMAS, Llama
from edgeopt.libraries.structures.resnet import EXPANSION, RESNETS, WIDTHS, ResNet
from edgeopt.libraries.structures.structure import Structure
from edgeopt.libraries.structures.vision_transformer import VISION_TRANSFORMERS, plain

IMAGENET_CLASSES = 1000
MOST = 10**7  # no dimension of a network is larger


def known_structures() -> dict[str, Structure]:
    """Return the structures that can be named."""
    return {
        **{name: network.structure() for name, network in RESNETS.items()},
        **{name: network.structure(IMAGENET_CLASSES) for name, network in VISION_TRANSFORMERS.items()},
        **{name: network.structure() for name, network in BERTS.items()},
        **{name: network.structure() for name, network in LLAMAS.items()},
    }


def find_structure(name_or_file: str) -> tuple[str, Structure]:
    """Find a structure by its name, or read it from a configuration file; return its name, too.

    Raises
    ------
    UsageError
        There is no such name.
    InputError
        The file is not a configuration of a known kind.
    """
    known = known_structures()
    if name_or_file in known:
        return name_or_file, known[name_or_file]
    path = Path(name_or_file)
    if path.suffix != ".json" and not path.is_file():
        hint = suggestion(name_or_file, list(known))
        raise UsageError(f"there is no structure {name_or_file!r} ({hint}), and no such configuration file")
    label = path.name.removesuffix(".json").removesuffix(".config")
    return (path.absolute().parent.name or label) if label == "config" else label, read_structure(path)


def read_structure(path: Path) -> Structure:
    """Read the structure out of a `config.json` of Llama, BERT, ViT or ResNet.

    Raises
    ------
    InputError
        It is none, or describes a variant whose parameters are not known here.
    """
    data = read_json(path)
    kind = data.get("model_type") if isinstance(data, Mapping) else None
    if kind not in READERS:
        problem = f"no kind of network whose structure is known: {kind!r}"
        raise InputError(Finding("$.model_type", problem, suggestion(str(kind), list(READERS))), path)
    configuration = _Configuration(data, path)
    configuration.require("quantization_config", None)
    return READERS[kind](configuration)


class _Configuration:
    """A configuration whose numbers are checked as they are taken."""

    def __init__(self, data: Mapping[str, Any], path: Path) -> None:
        self.data, self.path = data, path

    def number(self, key: str, default: int | None = None) -> int:
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if type(value) is not int or not 1 <= value <= MOST:
            raise InputError(
                Finding(f"$.{key}", f"should be a whole number from 1 to {MOST}, not {value!r}"), self.path
            )
        return value

    def numbers(self, key: str) -> list[int]:
        value = self.data.get(key)
        if not isinstance(value, list) or not all(type(item) is int and 1 <= item <= MOST for item in value):
            raise InputError(Finding(f"$.{key}", f"should be a list of whole numbers, not {value!r}"), self.path)
        return value

    def require(self, key: str, *known: object) -> None:
        value = self.data.get(key, known[0])
        if value not in known:
            problem = f"the parameters of a network with {key} = {str(value)[:60]} are not known here"
            raise InputError(Finding(f"$.{key}", problem, f"known: {known[0]!r}"), self.path)

    def classes(self) -> int:
        labels = self.data.get("id2label")
        return len(labels) if isinstance(labels, Mapping) else self.number("num_labels", IMAGENET_CLASSES)


def _llama(given: _Configuration) -> Structure:
    given.require("attention_bias", False)
    given.require("mlp_bias", False)
    hidden, heads = given.number("hidden_size"), given.number("num_attention_heads")
    if hidden % heads:
        problem = f"{heads} heads do not divide {hidden} hidden values"
        raise InputError(Finding("$.num_attention_heads", problem), given.path)
    given.require("head_dim", None, hidden // heads)
    network = Llama(
        hidden=hidden,
        intermediate=given.number("intermediate_size"),
        layers=given.number("num_hidden_layers"),
        vocabulary=given.number("vocab_size"),
        key_value=hidden // heads * given.number("num_key_value_heads", heads),
        tied=given.data.get("tie_word_embeddings") is True,
    )
    return network.structure()


def _bert(given: _Configuration) -> Structure:
    network = Bert(
        hidden=given.number("hidden_size"),
        intermediate=given.number("intermediate_size"),
        layers=given.number("num_hidden_layers"),
        vocabulary=given.number("vocab_size"),
        positions=given.number("max_position_embeddings"),
        types=given.number("type_vocab_size"),
    )
    return network.structure()


def _vision_transformer(given: _Configuration) -> Structure:
    given.require("qkv_bias", True)
    given.require("num_channels", 3)
    network = plain(
        given.number("hidden_size"),
        given.number("num_hidden_layers"),
        given.number("patch_size"),
        given.number("image_size"),
        given.number("intermediate_size"),
    )
    return network.structure(given.classes())


def _resnet(given: _Configuration) -> Structure:
    bottleneck = given.data.get("layer_type", "bottleneck") == "bottleneck"
    given.require("layer_type", "bottleneck", "basic")
    given.require("num_channels", 3)
    given.require("embedding_size", WIDTHS[0])
    given.require("downsample_in_first_stage", False)
    network = ResNet(tuple(given.numbers("depths")), bottleneck)
    given.require("hidden_sizes", [width * (EXPANSION if bottleneck else 1) for width in WIDTHS])
    if len(network.blocks) != len(WIDTHS):
        problem = f"should have {len(WIDTHS)} numbers, not {len(network.blocks)}"
        raise InputError(Finding("$.depths", problem), given.path)
    return network.structure(given.classes())


READERS: dict[str, Callable[[_Configuration], Structure]] = {
    "llama": _llama,
    "mistral": _llama,
    "bert": _bert,
    "vit": _vision_transformer,
    "resnet": _resnet,
}

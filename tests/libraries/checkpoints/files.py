"""Checkpoints that the tests write: real safetensors files, by the library of that name or byte by byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

Tensors = dict[str, np.ndarray[Any, Any]]


def network(seed: int, layers: int = 4, width: int = 16) -> Tensors:
    """Weights of a small network, drawn at random."""
    generator = np.random.default_rng(seed)
    tensors: Tensors = {"embed.weight": generator.standard_normal((32, width), np.float32)}
    for layer in range(layers):
        tensors[f"layers.{layer}.weight"] = generator.standard_normal((width, width), np.float32)
        tensors[f"layers.{layer}.bias"] = generator.standard_normal(width, np.float32)
    tensors["head.weight"] = generator.standard_normal((10, width), np.float32)
    return tensors


def fine_tuned(base: Tensors, frozen: int, seed: int) -> Tensors:
    """Another network whose embedding and first `frozen` layers are those of the base."""
    kept = ("embed", *(f"layers.{layer}." for layer in range(frozen)))
    other = network(seed, sum(name.endswith(".bias") for name in base))
    return {name: base[name] if name.startswith(kept) else tensor for name, tensor in other.items()}


def write(folder: Path, tensors: Tensors, name: str = "model.safetensors") -> Path:
    """Write a checkpoint of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / name)
    return folder / name


def write_sharded(folder: Path, *shards: Tensors) -> Path:
    """Write a sharded checkpoint, and return the path of its index."""
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write(folder, shard, name)
        weight_map |= dict.fromkeys(shard, name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return index


def write_adapter(folder: Path, base: str | None, seed: int, rank: int = 2, width: int = 16, layers: int = 4) -> Path:
    """Write a LoRA adapter of every layer's matrix."""
    generator = np.random.default_rng(seed)
    tensors: Tensors = {}
    for layer in range(layers):
        path = f"base_model.model.layers.{layer}"
        tensors[f"{path}.lora_A.weight"] = generator.standard_normal((rank, width), np.float32)
        tensors[f"{path}.lora_B.weight"] = generator.standard_normal((width, rank), np.float32)
    write(folder, tensors, "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": rank, "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def raw(path: Path, header: Mapping[str, Any] | str | bytes, data: bytes = b"", length: int | None = None) -> Path:
    """Write a file of the format byte by byte, right or wrong."""
    text = json.dumps(header) if isinstance(header, Mapping) else header
    content = text.encode() if isinstance(text, str) else text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((len(content) if length is None else length).to_bytes(8, "little") + content + data)
    return path


def size(tensors: Tensors) -> int:
    """Bytes of the tensors."""
    return sum(tensor.nbytes for tensor in tensors.values())

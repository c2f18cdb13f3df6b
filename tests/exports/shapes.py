"""What the targets of exports take, as JSON Schema in short, from their published specifications.

- llama-swap: `config-schema.json` of github.com/mostlygeek/llama-swap at 0bdb372 (`routing`, `matrixConfig`).
- KServe: `config/crd/full/localmodel/serving.kserve.io_localmodelcaches.yaml` of github.com/kserve/kserve at 33321d1,
  with unknown fields forbidden; names as RFC 1123 has them; hub URIs as `kserve_storage.py` reads them.
- SGLang: arguments of `docs/advanced_features/lora.ipynb` of github.com/sgl-project/sglang at 034b3be.
- vLLM: `LoRAModulePath` and the ranks of `vllm/config/lora.py`.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import yaml

TEXT = {"type": "string", "minLength": 1}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object with these keys and no others."""
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


MATRIX = closed(
    ["vars", "sets"],
    vars={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": TEXT,
        "propertyNames": {"pattern": "^[a-zA-Z0-9]{1,8}$"},
    },
    evict_costs={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
    sets={"type": "object", "minProperties": 1, "additionalProperties": TEXT},
)
SETTINGS = closed([], matrix=MATRIX)
LLAMA_SWAP = closed(
    ["routing"], routing=closed([], router=closed([], use={"enum": ["group", "matrix"]}, settings=SETTINGS))
)

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
KSERVE = closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "serving.kserve.io/v1alpha1"},
    kind={"const": "LocalModelCache"},
    metadata=closed(["name"], name={"type": "string", "maxLength": 253, "pattern": rf"^{LABEL}(\.{LABEL})*$"}),
    spec=closed(
        ["modelSize", "nodeGroups", "sourceModelUri"],
        modelSize={"type": "integer", "minimum": 0},
        nodeGroups={"type": "array", "minItems": 1, "items": TEXT},
        sourceModelUri={"type": "string", "pattern": r"^hf://[\w.-]+/[\w.-]+(:[\w./-]+)?$"},
    ),
)

SGLANG = closed(
    ["model-path"],
    **{
        "model-path": TEXT,
        "enable-lora": {"const": True},
        "max-loras-per-batch": {"type": "integer", "minimum": 1},
        "max-lora-rank": {"type": "integer", "minimum": 1},
        "lora-paths": {"type": "array", "items": TEXT},
    },
)
SGLANG_ADAPTER = closed(
    ["lora_name", "lora_path", "pinned"], lora_name=TEXT, lora_path=TEXT, pinned={"type": "boolean"}
)

VLLM = closed(
    ["model"],
    **{
        "model": TEXT,
        "enable-lora": {"const": True},
        "max-loras": {"type": "integer", "minimum": 1},
        "max-cpu-loras": {"type": "integer", "minimum": 1},
        "max-lora-rank": {"enum": [1, 8, 16, 32, 64, 128, 256, 320, 512]},
        "lora-modules": {"type": "array", "items": TEXT},
    },
)
VLLM_ADAPTER = closed(["name", "path"], name=TEXT, path=TEXT, base_model_name=TEXT)


def read_llama_swap(text: str) -> dict[str, Any]:
    """Return the matrix; every name in it is one of its variables."""
    data = yaml.safe_load(text)
    jsonschema.validate(data, LLAMA_SWAP)
    router = data["routing"]["router"]
    assert router["use"] == "matrix"
    matrix: dict[str, Any] = router["settings"]["matrix"]
    assert set(matrix["evict_costs"]) <= set(matrix["vars"])
    for expression in matrix["sets"].values():
        assert set(expression.split(" & ")) <= set(matrix["vars"])
    return matrix


def read_kserve(text: str) -> list[dict[str, Any]]:
    """Return the documents; no two have one name."""
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        jsonschema.validate(document, KSERVE)
    names = [document["metadata"]["name"] for document in documents]
    assert len(set(names)) == len(names)
    return documents


def read_sglang(text: str) -> dict[str, Any]:
    """Return the arguments with the adapters as objects; fewer are pinned than there are slots."""
    data = yaml.safe_load(text)
    jsonschema.validate(data, SGLANG)
    adapters = [json.loads(entry) for entry in data.get("lora-paths", [])]
    for adapter in adapters:
        jsonschema.validate(adapter, SGLANG_ADAPTER)
    if adapters:
        assert sum(adapter["pinned"] for adapter in adapters) <= data["max-loras-per-batch"] - 1
    return {**data, "lora-paths": adapters}


def read_vllm(text: str) -> dict[str, Any]:
    """Return the arguments with the adapters as objects; the CPU holds at least as many as there are slots."""
    data = yaml.safe_load(text)
    jsonschema.validate(data, VLLM)
    adapters = [json.loads(entry) for entry in data.get("lora-modules", [])]
    for adapter in adapters:
        jsonschema.validate(adapter, VLLM_ADAPTER)
    if adapters:
        assert data["max-cpu-loras"] >= data["max-loras"]
    return {**data, "lora-modules": adapters}

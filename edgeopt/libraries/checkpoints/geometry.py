"""Bytes of a model's key-value cache for each token of context, from what its files say of its attention.

Each layer keeps a key and a value of each key-value head, in half precision: 2 x layers x heads x head size x 2 bytes.
Networks that keep less (latent attention, sliding windows) have smaller caches: the formula is an upper bound for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeopt.errors import InputError
from edgeopt.files import read_json

HALF = 2  # bytes
MOST = 10**7  # no dimension of a network is larger


def cache_bytes_of_config(path: Path) -> int | None:
    """Return the bytes for each token from a `config.json`; None when it does not tell them.

    Models of several parts say it of their text part.
    """
    if not path.is_file():
        return None
    try:
        data = read_json(path)
    except InputError:
        return None
    if not isinstance(data, Mapping):
        return None
    text = data.get("text_config")
    return _of_config(data) or (_of_config(text) if isinstance(text, Mapping) else None)


def _of_config(data: Mapping[str, Any]) -> int | None:
    layers, heads = _number(data.get("num_hidden_layers")), _number(data.get("num_attention_heads"))
    key_value_heads = _number(data.get("num_key_value_heads")) or heads
    head = _number(data.get("head_dim"))
    hidden = _number(data.get("hidden_size"))
    if head is None and hidden and heads:
        head = hidden // heads
    return 2 * layers * key_value_heads * head * HALF if layers and key_value_heads and head else None


def cache_bytes_of_fields(fields: Mapping[str, Any]) -> int | None:
    """Return the bytes for each token from the fields of a GGUF file; None when they do not tell them."""
    family = fields.get("general.architecture")
    layers = _number(fields.get(f"{family}.block_count"))
    heads = fields.get(f"{family}.attention.head_count")
    told = fields.get(f"{family}.attention.head_count_kv", heads)
    width, whole = _number(fields.get(f"{family}.embedding_length")), _number(heads)
    head = width // whole if width and whole else None
    key = _number(fields.get(f"{family}.attention.key_length")) or head
    value = _number(fields.get(f"{family}.attention.value_length")) or head
    each = told if isinstance(told, list) else [told] * (layers or 0)
    if not layers or not key or not value or len(each) != layers:
        return None
    counts = [count for count in each if type(count) is int and 0 <= count <= MOST]
    return sum(counts) * (key + value) * HALF or None if len(counts) == layers else None


def _number(value: Any) -> int | None:
    return value if type(value) is int and 1 <= value <= MOST else None

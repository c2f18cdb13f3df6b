"""SGLang: the adapters that each replica keeps in its GPU slots.

Format: github.com/sgl-project/sglang, commit 034b3be, `docs/advanced_features/lora.ipynb` (arguments, JSON of an
adapter, at most one slot fewer pinned than there are) and `server_args_config_parser.py` (`--config` takes YAML).
"""

from __future__ import annotations

import json
import re
from typing import Any

from edgeopt.exports.replicas import Replica, largest_rank, replicas, served_path
from edgeopt.exports.target import Request, Target
from edgeopt.exports.yaml_text import yaml_text

NAME = re.compile(r"[^\s:=,\x00-\x1f\x7f]+")
RULE = "an adapter of SGLang has a name without blanks, ':', '=' and ','"


def write(request: Request) -> tuple[dict[str, str], str]:
    """Write a file for each replica: placed adapters pinned, the other ones of its base loaded on demand."""
    files = {replica.node: yaml_text(_arguments(request, replica)) for replica in replicas(request, "SGLang")}
    return files, "start: python -m sglang.launch_server --config FILE; slots take the largest rank, not bytes of files"


def _arguments(request: Request, replica: Replica) -> dict[str, Any]:
    arguments: dict[str, Any] = {"model-path": served_path(request, replica.base)}
    if replica.placed or replica.others:
        arguments |= {"enable-lora": True, "max-loras-per-batch": len(replica.placed) + 1}
        rank = largest_rank(request, [*replica.placed, *replica.others])
        if rank is not None:
            arguments["max-lora-rank"] = rank
        adapters = [(model, True) for model in replica.placed] + [(model, False) for model in replica.others]
        arguments["lora-paths"] = [_adapter(request, model, pinned) for model, pinned in adapters]
    return arguments


def _adapter(request: Request, model: str, pinned: bool) -> str:
    name = request.legal_name(model, NAME, RULE)
    return json.dumps({"lora_name": name, "lora_path": served_path(request, model), "pinned": pinned})


SGLANG = Target("sglang", "adapters pinned on each replica", ("placement",), True, (".yaml", ".yml"), write)

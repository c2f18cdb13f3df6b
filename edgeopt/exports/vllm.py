"""vLLM: the adapters that each replica serves.

Format: github.com/vllm-project/vllm: `argparse_utils.py` (items of a YAML list become arguments, so that adapters are
JSON texts), `cli_args.py`, `config/lora.py` (the ranks). vLLM has no pins: what its slots hold is what was used last.
"""

from __future__ import annotations

import json
import re
from typing import Any

from edgeopt.errors import UsageError
from edgeopt.exports.replicas import Replica, replicas, served_path
from edgeopt.exports.target import Request, Target
from edgeopt.exports.yaml_text import yaml_text

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
NAME = re.compile(r"[^\s=,\x00-\x1f\x7f]+")
RULE = "an adapter of vLLM has a name without blanks, '=' and ','"


def write(request: Request) -> tuple[dict[str, str], str]:
    """Write a file for each replica with a slot for each placed adapter."""
    if request.max_lora_rank is None:
        raise UsageError(f"vLLM needs the largest rank of the adapters: give --max-lora-rank, one of {RANKS}")
    if request.max_lora_rank not in RANKS:
        fitting = next((rank for rank in RANKS if rank >= request.max_lora_rank), RANKS[-1])
        raise UsageError(f"vLLM takes ranks of {RANKS}, not {request.max_lora_rank}; give --max-lora-rank {fitting}")
    files = {replica.node: yaml_text(_arguments(request, replica)) for replica in replicas(request, "vLLM")}
    if not files:
        raise UsageError("the plan places nothing")
    return files, "start: vllm serve --config FILE; vLLM pins nothing, so there is a slot for each placed adapter"


def _arguments(request: Request, replica: Replica) -> dict[str, Any]:
    arguments: dict[str, Any] = {"model": served_path(request, replica.base)}
    if replica.placed:
        slots = len(replica.placed)
        arguments |= {"enable-lora": True, "max-loras": slots, "max-cpu-loras": slots}
        arguments["max-lora-rank"] = request.max_lora_rank
        arguments["lora-modules"] = [
            json.dumps({"name": request.legal_name(model, NAME, RULE), "path": served_path(request, model)})
            for model in replica.placed
        ]
    return arguments


VLLM = Target("vllm", "adapters served by each replica", ("placement",), True, (".yaml", ".yml"), write)

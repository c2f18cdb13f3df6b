"""vLLM: the adapters that each replica serves.

Format: github.com/vllm-project/vllm: `argparse_utils.py` (items of a YAML list become arguments, so that adapters are
JSON texts), `cli_args.py`, `config/lora.py` (the ranks). vLLM has no pins: what its slots hold is what was used last.
"""

from __future__ import annotations

import json
import re
from typing import Any

from edgeopt.errors import UsageError
from edgeopt.exports.replicas import Replica, largest_rank, replicas, served_path
from edgeopt.exports.target import Request, Target
from edgeopt.exports.yaml_text import yaml_text

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
NAME = re.compile(r"[^\s=,\x00-\x1f\x7f]+")
RULE = "an adapter of vLLM has a name without blanks, '=' and ','"


def write(request: Request) -> tuple[dict[str, str], str]:
    """Write a file for each replica with a slot for each placed adapter."""
    files = {replica.node: yaml_text(_arguments(request, replica)) for replica in replicas(request, "vLLM")}
    return files, "start: vllm serve --config FILE; vLLM pins nothing, so there is a slot for each placed adapter"


def _arguments(request: Request, replica: Replica) -> dict[str, Any]:
    arguments: dict[str, Any] = {"model": served_path(request, replica.base)}
    if replica.placed:
        slots = len(replica.placed)
        arguments |= {"enable-lora": True, "max-loras": slots, "max-cpu-loras": slots}
        arguments["max-lora-rank"] = _rank(request, replica)
        arguments["lora-modules"] = [
            json.dumps({"name": request.legal_name(model, NAME, RULE), "path": served_path(request, model)})
            for model in replica.placed
        ]
    return arguments


def _rank(request: Request, replica: Replica) -> int:
    """Return the least rank that vLLM takes and that holds for all adapters."""
    rank = largest_rank(request, replica.placed)
    if rank is None:
        raise UsageError(f"vLLM needs the largest rank of the adapters: give --max-lora-rank, at most {RANKS[-1]}")
    fitting = [allowed for allowed in RANKS if allowed >= rank]
    if not fitting:
        raise UsageError(f"vLLM takes ranks up to {RANKS[-1]}, not {rank}")
    return fitting[0]


VLLM = Target("vllm", "adapters served by each replica", ("placement",), True, (".yaml", ".yml"), write)

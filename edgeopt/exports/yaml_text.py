"""Plain data as YAML, of which little is needed: maps, lists, numbers, truth values and texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*( & [A-Za-z0-9]+)*")
WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}  # that some readers take for something else


def yaml_text(data: Mapping[str, Any], indent: str = "") -> str:
    """Lay out a map with one line for each key, maps and lists in it further in.

    Texts that could be taken for something else stand in quotation marks, as JSON has them, which YAML reads alike.
    """
    lines = []
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            lines.append(f"{indent}{_scalar(key)}:\n{yaml_text(value, indent + '  ')}")
        elif isinstance(value, list) and value:
            items = "".join(f"{indent}- {_scalar(item)}\n" for item in value)
            lines.append(f"{indent}{_scalar(key)}:\n{items}")
        else:
            lines.append(f"{indent}{_scalar(key)}: {_scalar(value)}\n")
    return "".join(lines)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value, ensure_ascii=True)

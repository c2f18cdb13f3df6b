"""Where this machine keeps models, as the programs that keep them say it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_OLLAMA = "/usr/share/ollama/.ollama/models"
WHERE = "HF_HUB_CACHE, HF_HOME, OLLAMA_MODELS, LLAMA_CACHE"


def known_stores(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the folders that exist and can be read, each once: the hub's cache, Ollama's stores, llama.cpp's cache."""
    home = Path.home()
    caches = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    hugging_face = Path(environment.get("HF_HOME") or caches / "huggingface")
    candidates = [
        environment.get("HF_HUB_CACHE") or hugging_face / "hub",
        environment.get("OLLAMA_MODELS") or home / ".ollama" / "models",
        home / ".ollama" / "models",
        SYSTEM_OLLAMA,
        environment.get("LLAMA_CACHE") or caches / "llama.cpp",
    ]
    paths = (os.path.expanduser(candidate) for candidate in candidates)
    readable = [path for path in paths if os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK)]
    return [Path(path) for path in {os.path.realpath(path): path for path in readable}.values()]

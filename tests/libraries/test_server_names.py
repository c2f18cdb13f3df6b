"""Names of models in a server's configuration: by path, by repository, by the name of a file."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from edgeopt.errors import InputError, MissingExtra, UsageError
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.libraries.server_names import names_of_config
from edgeopt.residency.generator import generate

pytest.importorskip("yaml")
COMMIT = "f70784ed71bdf51fb5beba205ee12903aae97181"
SOURCES = {
    "qwen3-8b-Q4_K_M": "file:///models/qwen3-8b-Q4_K_M.gguf",
    "law": "file:///models/law",
    "big": "file:///models/big/big-00001-of-00002.gguf",
    "acme/base": f"hf://acme/base@{COMMIT}",
    "many/Q4": f"hf://many/gguf@{COMMIT}",
    "many/Q8": f"hf://many/gguf@{COMMIT}",
}
LIBRARY = ModelLibrary(
    blocks=dict.fromkeys(SOURCES, 1),
    models={name: Model(blocks=[name], source=source) for name, source in SOURCES.items()},
)
CONFIG = f"""
macros:
  server: llama-server --port ${{PORT}}
  "models_dir": "${{env.SOMEWHERE}}"
models:
  "by-path":
    cmd: ${{server}} --model /models/../models/qwen3-8b-Q4_K_M.gguf
    aliases: [gpt-4, "8"]
  by-macro:
    cmd: |
      # --model /models/law
      ${{server}}
      -m ${{models_dir}}/${{file}} --ctx-size 4096
    macros: {{file: big/big-00001-of-00002.gguf}}
  by-equals: {{cmd: "x --model=/models/law"}}
  by-hub: {{cmd: "vllm serve acme/base"}}
  by-quant: {{cmd: "llama-server -hf acme/base:Q4_K_M"}}
  by-snapshot: {{cmd: "x -m /hub/models--many--gguf/snapshots/{COMMIT}/Q8.gguf"}}
  by-name: {{cmd: "x -m other/place/qwen3-8b-Q4_K_M.gguf"}}
  several: {{cmd: "x -hf many/gguf"}}
  nothing: {{cmd: "x -m none.gguf"}}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEWHERE", "/models")
    assert names_of_config(written(tmp_path, CONFIG), LIBRARY) == {
        "by-path": "qwen3-8b-Q4_K_M",
        "gpt-4": "qwen3-8b-Q4_K_M",
        "8": "qwen3-8b-Q4_K_M",
        "by-macro": "big",
        "by-equals": "law",
        "by-hub": "acme/base",
        "by-quant": "acme/base",
        "by-snapshot": "many/Q8",
        "by-name": "qwen3-8b-Q4_K_M",
    }


def test_instances_follow_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("model\nby-hub\nlaw\ngpt-4\nother\n")
    options = {"requests": tmp_path / "log.csv", "config": written(tmp_path, CONFIG), "memory_bytes": 10, "past": 0.0}
    instance = generate(library=LIBRARY, rename=["other=big"], **options)
    assert instance.requests == ["acme/base", "law", "qwen3-8b-Q4_K_M", "big"]
    overruled = generate(library=LIBRARY, rename=["other=big", "by-hub=big"], **options)
    assert overruled.requests == ["big", "law", "qwen3-8b-Q4_K_M", "big"]
    with pytest.raises(UsageError, match="'other', which the library does not have"):
        generate(library=LIBRARY, **options)


def test_macros_in_a_circle_end(tmp_path: Path) -> None:
    text = 'macros: {a: "${b}", b: "${a}"}\nmodels: {m: {cmd: "x ${a} /models/law"}}'
    assert names_of_config(written(tmp_path, text), LIBRARY) == {"m": "law"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "at $.models: should be an object"),
        ("models: []", "at $.models: should be an object"),
        ("models: {m: 3}", "at $.models.m.cmd: should be a command"),
        ('models: {m: {cmd: "x \'y"}}', "at $.models.m.cmd: the command cannot be taken apart"),
        ("models: {m: {cmd: x", "at line 1: this is not YAML"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        names_of_config(written(tmp_path, text), LIBRARY)
    assert told in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        names_of_config(tmp_path / "nothing.yaml", LIBRARY)


def test_without_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="serving"):
        names_of_config(written(tmp_path, CONFIG), LIBRARY)

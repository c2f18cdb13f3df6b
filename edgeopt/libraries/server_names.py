"""Which model of a library a server means by a name: from the configuration of llama-swap.

Its format is that of https://github.com/mostlygeek/llama-swap, config.example.yaml: ``models`` with the name under
which each is requested, its ``aliases``, and the command ``cmd`` that loads it, in which macros stand as ``${NAME}``.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeopt.errors import Finding, InputError, MissingExtra
from edgeopt.files import read_text
from edgeopt.libraries.checkpoints.naming import GGUF_SUFFIX, hub_place, stem_of
from edgeopt.libraries.library import ModelLibrary
from edgeopt.versions import install_command

MACRO = re.compile(r"\$\{([^{}]+)\}")
MOST_NESTED = 10  # macros in macros


def names_of_config(path: str | Path, library: ModelLibrary) -> dict[str, str]:
    """Return the library's name of each model of a configuration whose command names its file.

    A command names a model by the path of its file or folder, by its repository in the hub, or, last, by the name of a
    GGUF file. A command that names none of the library's models, or several, is passed over.

    Raises
    ------
    InputError
        The file cannot be read, or is no such configuration.
    MissingExtra
        YAML cannot be read here.
    """
    data = _read_yaml(path)
    models = data.get("models") if isinstance(data, Mapping) else None
    if not isinstance(models, Mapping) or not models:
        remedy = "give the configuration of llama-swap"
        raise InputError(Finding("$.models", "should be an object {name: model}, not empty", remedy), path)
    names: dict[str, str] = {}
    for name, model in models.items():
        place = f"$.models.{name}"
        command = model.get("cmd") if isinstance(model, Mapping) else None
        if not isinstance(command, str):
            raise InputError(Finding(f"{place}.cmd", "should be a command"), path)
        macros = {**_texts(data.get("macros")), **_texts(model.get("macros")), "MODEL_ID": str(name)}
        loaded = _loaded(_words(command, macros, f"{place}.cmd", path), library)
        if loaded is not None:
            aliases = model.get("aliases")
            for own in (name, *(aliases if isinstance(aliases, list) else ())):
                names[str(own)] = loaded
    return names


def _read_yaml(path: str | Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingExtra(f"configurations in YAML need an extra: {install_command('serving')}") from None
    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark is not None else "$"
        raise InputError(Finding(place, f"this is not YAML: {getattr(error, 'problem', error)}"), path) from None


def _texts(macros: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in macros.items()} if isinstance(macros, Mapping) else {}


def _words(command: str, macros: Mapping[str, str], place: str, path: str | Path) -> list[str]:
    """Return the words of a command, without lines of comment, macros put in; unknown ones stay."""
    text = "\n".join(line for line in command.splitlines() if not line.lstrip().startswith("#"))
    for _ in range(MOST_NESTED):
        filled = MACRO.sub(lambda macro: _macro(macro[1], macros, macro[0]), text)
        if filled == text:
            break
        text = filled
    try:
        words = shlex.split(text, comments=False)
    except ValueError as error:
        raise InputError(Finding(place, f"the command cannot be taken apart: {error}"), path) from None
    values = (word.partition("=")[2] for word in words if word.startswith("-"))
    return [*words, *(value for value in values if value)]


def _macro(name: str, macros: Mapping[str, str], unknown: str) -> str:
    if name.startswith("env."):
        return os.environ.get(name.removeprefix("env."), unknown)
    return macros.get(name, unknown)


def _loaded(words: list[str], library: ModelLibrary) -> str | None:
    """Return the only model that the words of a command name, by the surest of the ways to name one."""
    sources = {name: model.source or "" for name, model in library.models.items()}
    for is_meant in (_is_path, _is_repository, _is_file_name):
        meant = [name for name, source in sources.items() if any(is_meant(word, name, source) for word in words)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            return None
    return None


def _is_path(word: str, name: str, source: str) -> bool:
    if not source.startswith("file://"):
        return False
    return os.path.realpath(word) == os.path.realpath(source.removeprefix("file://"))


def _is_repository(word: str, name: str, source: str) -> bool:
    """Say whether a word is a repository, perhaps with the quantisation behind, or a file of its snapshot."""
    if not source.startswith("hf://"):
        return False
    repository, _, commit = source.removeprefix("hf://").rpartition("@")
    place = hub_place(Path(word).parent)
    if place is None:
        return word.partition(":")[0] == repository
    in_snapshot = (place.label, place.commit) == (repository, commit)
    return in_snapshot and (not word.endswith(GGUF_SUFFIX) or _is_file_name(word, name, source))


def _is_file_name(word: str, name: str, source: str) -> bool:
    return word.endswith(GGUF_SUFFIX) and stem_of(os.path.basename(word)) == name.rpartition("/")[2]

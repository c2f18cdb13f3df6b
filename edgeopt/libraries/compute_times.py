"""Measured compute times of language models, from `llama-bench -o json`, as a library states them.

The program (https://github.com/ggml-org/llama.cpp, tools/llama-bench) writes a list of runs; of each,
``model_filename``, the tokens of the prompt and of the answer (``n_prompt``, ``n_gen``), one of them 0, and tokens a
second (``avg_ts``). It runs one sequence at a time, so a batch takes as long as its samples one after the other;
servers that compute samples together take less.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.files import read_json
from edgeopt.libraries.checkpoints.naming import stem_of
from edgeopt.libraries.library import ModelLibrary

MOST_TOKENS = 10**8
MOST_RATE = 1e12


class Run(NamedTuple):
    """A run: the file of its model, its tokens, their rate, and where it stands."""

    file: str
    tokens: int
    tokens_per_s: float
    is_prompt: bool
    place: str


def read_bench(path: str | Path) -> list[Run]:
    """Read runs; those of a prompt and an answer together are passed over.

    Raises
    ------
    InputError
        Names the file and the place.
    """
    data = read_json(path)
    if not isinstance(data, list) or not data:
        raise InputError(Finding("$", "this is not a list of runs", "as llama-bench -o json writes it"), path)
    runs = [_run(entry, f"$[{index}]", path) for index, entry in enumerate(data)]
    kept = [run for run in runs if run is not None]
    if not kept:
        problem = "no run is of a prompt alone or of an answer alone"
        raise InputError(Finding("$", problem, "llama-bench -p 512 -n 128 makes one of each"), path)
    return kept


def _run(entry: Any, place: str, path: str | Path) -> Run | None:
    if not isinstance(entry, Mapping):
        raise InputError(Finding(place, "this is not a run", "as llama-bench -o json writes it"), path)
    file, rate = entry.get("model_filename"), entry.get("avg_ts")
    if not isinstance(file, str) or not file:
        raise InputError(Finding(f"{place}.model_filename", f"{file!r} is not a file's name"), path)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= MOST_RATE:
        raise InputError(Finding(f"{place}.avg_ts", f"{rate!r} is not a number of tokens a second above 0"), path)
    counts = []
    for key in ("n_prompt", "n_gen"):
        count = entry.get(key)
        if type(count) is not int or not 0 <= count <= MOST_TOKENS:
            raise InputError(Finding(f"{place}.{key}", f"{count!r} is not a number of tokens"), path)
        counts.append(count)
    prompt, answer = counts
    return Run(file, prompt or answer, float(rate), bool(prompt), place) if bool(prompt) != bool(answer) else None


def with_compute_times(
    library: ModelLibrary, runs: Sequence[Run], prompt_tokens: int, answer_tokens: int
) -> tuple[ModelLibrary, list[str]]:
    """Return the library with the compute times of the models that were measured, and the names of the others.

    A sample is a prompt and its answer. Of several runs of a model the one counts whose number of tokens is nearest.
    The workspace of a sample is its part of the key-value cache, where the model tells it.

    Parameters
    ----------
    library : ModelLibrary
    runs : sequence of Run
    prompt_tokens, answer_tokens : int
        Tokens of a sample, not both 0.

    Raises
    ------
    UsageError
        Two runs of a model are as near, or no model was measured.
    """
    files = {run.file for run in runs}
    models, others = {}, []
    for name, model in library.models.items():
        root = library.models[model.base] if model.base is not None else model
        own = [file for file in files if _is_of(file, model.base or name, root.source or "")]
        chosen = [run for run in runs if run.file in own]
        seconds = [
            tokens / _nearest(name, [run for run in chosen if run.is_prompt == is_prompt], tokens)
            for tokens, is_prompt in ((prompt_tokens, True), (answer_tokens, False))
            if tokens and any(run.is_prompt == is_prompt for run in chosen)
        ]
        if len(seconds) < bool(prompt_tokens) + bool(answer_tokens):
            others.append(name)
            models[name] = model
            continue
        cache = model.cache_bytes_per_token
        models[name] = model.replace(
            compute_fixed_s=0.0,
            compute_per_sample_s=float(f"{sum(seconds):.6g}"),
            workspace_bytes_per_sample=None if cache is None else cache * (prompt_tokens + answer_tokens),
        )
    if len(others) == len(models):
        measured = ", ".join(sorted(map(repr, files)))
        raise UsageError(f"no model of the library {library.name!r} was measured in full; there are runs of {measured}")
    return library.replace(models=models), others


def _is_of(file: str, name: str, source: str) -> bool:
    """Say whether a file is that of a model: the same path, or the same name."""
    if source.startswith("file://") and os.path.realpath(file) == os.path.realpath(source.removeprefix("file://")):
        return True
    return stem_of(os.path.basename(file)) == name.rpartition("/")[2]


def _nearest(model: str, runs: Sequence[Run], tokens: int) -> float:
    """Return the rate of the run whose number of tokens is nearest."""
    distance = [abs(run.tokens - tokens) for run in runs]
    near = [run for run, away in zip(runs, distance, strict=True) if away == min(distance)]
    if len(near) > 1:
        problem = f"two runs of {model!r} are as near to {tokens} tokens: {near[0].place} and {near[1].place}"
        raise UsageError(f"{problem}; keep one of them")
    return near[0].tokens_per_s

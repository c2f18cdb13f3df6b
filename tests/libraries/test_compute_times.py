"""Compute times of models from runs of llama-bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.libraries.compute_times import read_bench, with_compute_times
from edgeopt.libraries.library import Model, ModelLibrary

LIBRARY = ModelLibrary(
    blocks={"a": 10, "b": 20, "law": 1, "c": 5},
    models={
        "a-Q4": Model(blocks=["a"], source="file:///models/a-Q4.gguf", cache_bytes_per_token=100),
        "big": Model(blocks=["b"], source="file:///models/big-00001-of-00002.gguf"),
        "law": Model(blocks=["a", "law"], base="a-Q4", cache_bytes_per_token=100),
        "silent": Model(blocks=["c"]),
    },
)


def run(file: str, prompt: int, answer: int, rate: float) -> dict[str, Any]:
    return {"model_filename": file, "n_prompt": prompt, "n_gen": answer, "avg_ts": rate, "stddev_ts": 0.1}


def written(folder: Path, content: Any) -> Path:
    path = folder / "bench.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


RUNS = [
    run("/models/a-Q4.gguf", 512, 0, 1000.0),
    run("/models/a-Q4.gguf", 2048, 0, 800.0),
    run("/models/a-Q4.gguf", 0, 128, 50.0),
    run("/models/a-Q4.gguf", 512, 128, 200.0),
    run("elsewhere/big-00001-of-00002.gguf", 512, 0, 500.0),
    run("elsewhere/big-00001-of-00002.gguf", 0, 128, 25.0),
]


def test_seconds_of_a_sample(tmp_path: Path) -> None:
    library, others = with_compute_times(LIBRARY, read_bench(written(tmp_path, RUNS)), 500, 100)
    assert others == ["silent"]
    seconds = {name: model.compute_per_sample_s for name, model in library.models.items()}
    assert seconds == {"a-Q4": 0.5 + 2, "big": 1 + 4, "law": 0.5 + 2, "silent": None}
    assert {model.compute_fixed_s for model in library.models.values()} == {0.0, None}
    workspace = {name: model.workspace_bytes_per_sample for name, model in library.models.items()}
    assert workspace == {"a-Q4": 60_000, "big": None, "law": 60_000, "silent": None}
    longer, _ = with_compute_times(LIBRARY, read_bench(written(tmp_path, RUNS)), 1600, 0)
    assert longer.models["a-Q4"].compute_per_sample_s == 2.0
    assert longer.models["big"].compute_per_sample_s == 3.2


def test_what_was_not_measured_is_not_guessed(tmp_path: Path) -> None:
    prompts = read_bench(written(tmp_path, RUNS[:1]))
    with pytest.raises(UsageError, match=r"no model of the library 'library' was measured in full; .* 'elsewhere"):
        with_compute_times(LIBRARY, read_bench(written(tmp_path, RUNS[4:5])), 500, 100)
    assert with_compute_times(LIBRARY, prompts, 500, 0)[1] == ["big", "silent"]
    with pytest.raises(UsageError, match=r"two runs of 'a-Q4' are as near to 500 tokens: \$\[0\] and \$\[1\]"):
        with_compute_times(LIBRARY, read_bench(written(tmp_path, [RUNS[0], RUNS[0]])), 500, 0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "this is not a list of runs"),
        ("[]", "this is not a list of runs"),
        ("[3]", "at $[0]: this is not a run"),
        (RUNS[3:4], "no run is of a prompt alone or of an answer alone"),
        ([run("", 1, 0, 1.0)], "at $[0].model_filename: '' is not"),
        ([RUNS[0], run("a", 1, 0, 0.0)], "at $[1].avg_ts: 0.0 is not"),
        ([run("a", -1, 0, 1.0)], "at $[0].n_prompt: -1 is not"),
        ([run("a", 1, True, 1.0)], "at $[0].n_gen: True is not"),
    ],
)
def test_bad_files(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_bench(written(tmp_path, content))
    assert told in str(caught.value)

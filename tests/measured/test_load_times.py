"""Load times: files, the line, and the published statistics against the data."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.measured.load_times import PARAMETERS, PUBLISHED, fit, load_times_of, read_load_times
from tests.measured.data import real

RUN = {"model_name": "facebook/opt-6.7b_3", "loading_time": 2.0, "throughput": 1.0}
FOLDERS = {
    "a5000-safetensors": "a5000_2024/*_safetensors_30_random.json",
    "a5000-phantom": "a5000_2024/*_phantom_30_random.json",
    "h100-safetensors": "h100_2025/random/*_safetensors_30_random.json",
    "h100-sllm": "h100_2025/random/*_sllm_30_random.json",
}


def test_line_through_exact_times() -> None:
    line = fit([(size, 0.25 + size / 4e9) for size in (1e9, 2e9, 2e9, 8e9)])
    assert (line.rate_bytes_per_s, line.fixed_s) == pytest.approx((4e9, 0.25))
    assert line.residual < 1e-9
    assert (line.runs, line.sizes) == (4, 3)


def test_one_size_starts_at_zero() -> None:
    line = fit([(1e9, 0.4), (1e9, 0.5), (1e9, 9.0)])
    assert (line.rate_bytes_per_s, line.fixed_s, line.residual) == pytest.approx((2e9, 0.0, 0.0))


def test_no_line_of_a_grid_is_better() -> None:
    """Least squares over the medians, against all lines of a fine grid around."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        sizes = np.array([1e9, 3e9, 7e9])
        runs = [(size, float(rng.uniform(0.1, 1) + size / 5e9)) for size in sizes for _ in range(3)]
        medians = np.array([np.median([second for s, second in runs if s == size]) for size in sizes])
        line = fit(runs)

        def error(rate: float, fixed: float, medians: Any = medians, sizes: Any = sizes) -> float:
            return float(((fixed + sizes / rate - medians) ** 2).sum())

        best = error(line.rate_bytes_per_s, line.fixed_s)
        assert line.fixed_s >= 0
        for rate, fixed in product(np.geomspace(1e9, 5e10, 60), np.linspace(0, 1.5, 60)):
            assert best <= error(rate, fixed) + 1e-9


def test_times_that_do_not_rise() -> None:
    with pytest.raises(UsageError, match="do not rise"):
        fit([(1e9, 2.0), (2e9, 1.0)])


def test_files_of_both_kinds(tmp_path: Path) -> None:
    table, runs = tmp_path / "mine.csv", tmp_path / "runs.json"
    table.write_text("model,bytes,seconds\na,1000,0.5\nb,2000,0.75\n")
    runs.write_text(json.dumps([RUN, {**RUN, "model_name": "Qwen/Qwen3-32B_0", "loading_time": 9}]))
    assert read_load_times(table) == [(1000.0, 0.5), (2000.0, 0.75)]
    assert read_load_times(runs) == [(2.0 * 6_658_473_984, 2.0), (2.0 * PARAMETERS["Qwen/Qwen3-32B"], 9.0)]
    assert load_times_of([table, runs]).runs == 4
    assert (load_times_of([table]).rate_bytes_per_s, load_times_of([table]).fixed_s) == pytest.approx((4000.0, 0.25))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("runs.json", "{}", "this is not a list of runs"),
        ("runs.json", "[]", "this is not a list of runs"),
        ("runs.json", "[1]", "at $[0]: this is not a run"),
        ("runs.json", json.dumps([RUN, {**RUN, "model_name": None}]), "at $[1].model_name: None is not a name"),
        ("runs.json", json.dumps([{**RUN, "model_name": "facebook/opt-6.8b_1"}]), "did you mean 'facebook/opt-6.7b'?"),
        ("runs.json", json.dumps([{**RUN, "loading_time": "2"}]), "at $[0].loading_time: '2' is not a time"),
        ("runs.json", json.dumps([{**RUN, "loading_time": 0}]), "at $[0].loading_time: 0 is not a time"),
        ("runs.json", "[NaN]", "NaN is not a finite number"),
        ("mine.csv", "bytes,second\n1,2\n", "no column is named 'seconds' or 'loading_time' or 'load_s'"),
        ("mine.csv", "bytes,seconds\n1.5,2\n", "line 2, column bytes: '1.5' is not a whole number"),
        ("mine.csv", "bytes,seconds\n1,-2\n", "line 2, column seconds: '-2'"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_load_times(path)
    assert told in str(caught.value)
    assert name in str(caught.value)


def test_statistics_or_files() -> None:
    assert load_times_of(["h100-sllm"]) == PUBLISHED["h100-sllm"]
    with pytest.raises(InputError, match="or one of a5000-safetensors"):
        load_times_of(["h100-slm"])
    with pytest.raises(UsageError, match="one or more files, or one of"):
        load_times_of(["h100-sllm", "a5000-phantom"])


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_statistics_are_those_of_the_data(name: str) -> None:
    files = sorted(real("loading_times/benchmarks/results").glob(FOLDERS[name]))
    measured, published = load_times_of(files), PUBLISHED[name]
    assert measured.rate_bytes_per_s == pytest.approx(published.rate_bytes_per_s, rel=1e-3)
    assert measured.fixed_s == published.fixed_s == 0
    assert measured.residual == pytest.approx(published.residual, abs=0.005)
    assert (measured.runs, measured.sizes) == (published.runs, published.sizes)


def test_parameters_follow_from_the_shapes() -> None:
    """Embedding, head, layers of attention (perhaps with biases or norms of heads), feed-forward and two norms."""

    def decoder(hidden: int, inner: int, layers: int, words: int, query: int, key: int, extra: int) -> int:
        layer = 2 * hidden * query + 2 * hidden * key + 3 * hidden * inner + 2 * hidden + extra
        return 2 * words * hidden + layers * layer + hidden

    assert {
        # Positions 2050, a bias everywhere, tied head, two norms of two vectors in each layer and one at the end.
        "facebook/opt-6.7b": (50272 + 2050) * 4096 + 32 * (12 * 4096**2 + 13 * 4096) + 2 * 4096,
        "meta-llama/Llama-3.1-8B-Instruct": decoder(4096, 14336, 32, 128256, 4096, 1024, 0),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": decoder(5120, 27648, 64, 152064, 5120, 1024, 5120 + 2 * 1024),
        "Qwen/Qwen3-32B": decoder(5120, 25600, 64, 151936, 8192, 1024, 2 * 128),
    } == PARAMETERS

"""Traces: files, windows, samples, and the published statistics against the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.measured.traces import LEVELS, PUBLISHED, read_trace, trace_of
from tests.measured.data import TRACE, real

RNG = np.random.default_rng
REAL = {"azure-code": "code", "azure-conversation": "conv"}


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(TRACE, newline="")
    return path


def test_file(trace_file: Path) -> None:
    trace = read_trace(trace_file)
    assert trace.arrival_s == pytest.approx(np.arange(90))
    assert trace.context_tokens.tolist() == [100 + 7 * k for k in range(90)]
    assert trace.generated_tokens.tolist() == [k % 9 for k in range(90)]


def test_seconds_and_any_order(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("time,generated_tokens,context_tokens\n7.5,1,2\n5,3,4\n")
    trace = read_trace(path)
    assert trace.arrival_s.tolist() == [0, 2.5]
    assert trace.context_tokens.tolist() == [4, 2]
    assert trace.generated_tokens.tolist() == [3, 1]


def test_window_and_sample(trace_file: Path) -> None:
    trace = read_trace(trace_file).window(10, 25)
    assert len(trace) == 25
    drawn, counts = trace.sample(10, RNG(0))
    assert counts.sum() == 25
    assert set(counts.tolist()) == {2, 3}
    assert set(drawn.context_tokens.tolist()) <= set(trace.context_tokens.tolist())
    assert len(set(drawn.context_tokens.tolist())) == 10
    assert trace.sample(25, RNG(0))[1].tolist() == [1] * 25
    with pytest.raises(UsageError, match="25 requests there, fewer than 26"):
        trace.sample(26, RNG(0))
    with pytest.raises(UsageError, match="the trace lasts"):
        trace.window(100, 5)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (TRACE.replace("TIMESTAMP", "WHEN"), "no column is named 'timestamp'"),
        (TRACE.replace("18:15:02.1234567", "later"), "line 4, column TIMESTAMP: '2023-11-16 later' is neither"),
        (TRACE.replace(",114,", ",many,"), "line 4, column ContextTokens: 'many' is not a whole number"),
        (TRACE.replace(",107,1", ",107,-1"), "line 3, column GeneratedTokens: '-1'"),
        ("time,context_tokens,generated_tokens\n1,2,3\nnan,2,3\n", "line 3, column time: 'nan'"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_trace(path)
    assert told in str(caught.value)
    assert "trace.csv" in str(caught.value)


def test_statistics_or_file() -> None:
    with pytest.raises(InputError, match="give a CSV file, or azure-code or azure-conversation"):
        trace_of("azure-cod", RNG(0))
    first, again = (trace_of("azure-code", RNG(3)) for _ in range(2))
    assert (first.context_tokens == again.context_tokens).all()
    assert len(first) == 8819
    assert (np.diff(first.arrival_s) >= 0).all()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_statistics_are_those_of_the_data(name: str) -> None:
    measured = read_trace(real(f"azure_llm/AzureLLMInferenceTrace_{REAL[name]}.csv"))
    published = PUBLISHED[name]
    assert len(measured) == published.requests
    assert measured.arrival_s[-1] == pytest.approx(published.length_s, abs=0.1)
    for tokens, known in (
        (measured.context_tokens, published.context),
        (measured.generated_tokens, published.generated),
    ):
        assert tuple(np.quantile(tokens, LEVELS, method="nearest").tolist()) == known
    drawn = trace_of(name, RNG(0))
    assert drawn.context_tokens.mean() == pytest.approx(measured.context_tokens.mean(), rel=0.05)
    assert drawn.generated_tokens.mean() == pytest.approx(measured.generated_tokens.mean(), rel=0.15)
    lengths = np.log(np.stack([measured.context_tokens, measured.generated_tokens]))
    assert abs(np.corrcoef(lengths)[0, 1]) < 0.1

"""Instances with measured load times and the uploads of a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeopt
from edgeopt.errors import UsageError
from edgeopt.libraries.generator import generate_library
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.measured.load_times import PUBLISHED, fit
from edgeopt.measured.traces import read_trace
from tests.cli.program import run
from tests.measured.data import TRACE, real


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    return path


def test_users_send_the_contexts(trace: Path) -> None:
    instance = generate(models=10, users=40, seed=1, trace=str(trace), bits_per_token=16.0)
    sent = [user.upload_bits for user in instance.users.values()]
    assert len(set(sent)) == 40
    assert set(sent) <= {16.0 * tokens for tokens in read_trace(trace).context_tokens.tolist()}
    assert sent != sorted(sent)
    early = generate(models=10, users=10, seed=1, trace=str(trace), window_s=(0.0, 10.0))
    assert sorted(user.upload_bits for user in early.users.values()) == [32.0 * (100 + 7 * k) for k in range(10)]
    assert instance == generate(models=10, users=40, seed=1, trace=str(trace), bits_per_token=16.0)


def test_load_times_give_the_rate_and_the_fixed_cost() -> None:
    plain, line = generate(models=10, users=40, seed=1), fit([(1e9, 0.75), (3e9, 1.25)])
    instance = generate(models=10, users=40, seed=1, load_times=line)
    assert instance.server.load_rate_bytes_per_s == pytest.approx(4e9)
    for name, model in instance.library.models.items():
        before = plain.library.models[name].compute_fixed_s
        assert before is not None
        assert model.compute_fixed_s == pytest.approx(before + 0.5, rel=1e-3)
    known = generate(models=10, users=40, seed=1, load_times=PUBLISHED["h100-sllm"])
    assert known.library == plain.library
    assert known.server.load_rate_bytes_per_s == 2.036e10


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"uploads": "image"}, "uploads and a trace"),
        ({"load_rate_bytes_per_s": 1e9, "load_times": PUBLISHED["h100-sllm"]}, "load times give the load rate"),
        ({"trace": None, "window_s": (0.0, 1.0)}, "it needs 'trace'"),
        ({"users": 91}, "fewer than 91"),
        ({"bits_per_token": -1.0}, "at bits_per_token: input should be greater than 0"),
    ],
)
def test_arguments_that_cannot_be_meant(trace: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        generate(**{"models": 5, "users": 10, "trace": str(trace), **changes})  # type: ignore[arg-type]


def test_a_fixed_cost_is_kept_in_the_file(tmp_path: Path) -> None:
    """The library's file knows no fixed cost, so the instance holds a library of its own."""
    library, table = tmp_path / "library.json", tmp_path / "times.csv"
    generate_library("tree", 6, 1).write(library)
    for rows, own in (("1000000,0.5\n3000000,1.0\n", True), ("1000000,0.5\n3000000,1.5\n", False)):
        table.write_text(f"bytes,seconds\n{rows}")
        command = ["generate", "loading", "--library", library, "--users", 9, "--load-times", table]
        code, _, err = run(*command, "-o", tmp_path / "drawn.json")
        assert code == 0, err
        assert "load times:" in err
        assert ('"library": "library.json"' in (tmp_path / "drawn.json").read_text()) is not own
        instance = edgeopt.read(tmp_path / "drawn.json")
        assert isinstance(instance, LoadingInstance)
        extra = {
            name: (model.compute_fixed_s or 0) - (instance.library.models[name].compute_fixed_s or 0)
            for name, model in generate_library("tree", 6, 1).models.items()
        }
        assert all(seconds == pytest.approx(-0.25 if own else 0.0, abs=1e-3) for seconds in extra.values())


@pytest.mark.parametrize("content", ["bytes,seconds\n1,?\n", "bytes,seconds\n1,2\n2,1\n"])
def test_bad_files_end_with_exit_code_2(tmp_path: Path, content: str) -> None:
    table = tmp_path / "times.csv"
    table.write_text(content)
    code, _, err = run("generate", "loading", "--load-times", table, "-o", tmp_path / "drawn.json")
    assert code == 2
    assert "Traceback" not in err
    assert not (tmp_path / "drawn.json").exists()


def test_real_files(tmp_path: Path) -> None:
    folder = real("loading_times/benchmarks/results") / "h100_2025" / "random"
    times = [word for path in sorted(folder.glob("*_sllm_*.json")) for word in ("--load-times", path)]
    trace = real("azure_llm/AzureLLMInferenceTrace_conv.csv")
    command = ["generate", "loading", "--sharing", "lora-towers", "--models", 40, "--users", 300, "--trace", trace]
    code, _, err = run(*command, *times, "-o", tmp_path / "drawn.json")
    assert code == 0, err
    assert "90 runs of 3 sizes" in err
    assert edgeopt.solve(edgeopt.read(tmp_path / "drawn.json"), "greedy").objective is not None

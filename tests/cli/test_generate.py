"""`edgeopt generate` ignores no option: what has no effect is a usage error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.program import run

WITHOUT_EFFECT = [
    ("loading", "--bits-per-token", "it needs 'trace'"),
    ("pulling", "--bits-per-token", "it needs 'trace'"),
    ("pulling", "--tokens-per-sample", "it needs 'trace'"),
    ("caching", "--reach", "it needs 'stations'"),
    ("placement", "--reach", "it needs 'stations'"),
]


@pytest.mark.parametrize(("problem", "option", "remedy"), WITHOUT_EFFECT)
def test_an_option_without_effect_is_an_error(problem: str, option: str, remedy: str, tmp_path: Path) -> None:
    code, _, err = run("generate", problem, option, 50, "-o", tmp_path / "drawn.json")
    assert code == 2
    assert remedy in err
    assert not list(tmp_path.iterdir())


def test_the_options_work_where_they_have_an_effect(tmp_path: Path) -> None:
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    for path, bits in ((small, 16), (large, 64)):
        drawn = ("--users", 5, "--models", 4, "--trace", "azure-code", "--bits-per-token", bits, "-o", path)
        code, _, err = run("generate", "loading", *drawn)
        assert code == 0, err
    assert small.read_text() != large.read_text()


def test_seconds_have_units_where_other_quantities_have_them(tmp_path: Path) -> None:
    stated, plain = tmp_path / "stated.json", tmp_path / "plain.json"
    for path, duration, deadline in ((stated, "90s", "500 ms"), (plain, 90, 0.5)):
        drawn = ("--arrivals", "poisson", "--duration", duration, "--deadline", deadline, "--users", 5, "--models", 4)
        code, _, err = run("generate", "loading", *drawn, "-o", path)
        assert code == 0, err
    users = [json.loads(path.read_text())["users"] for path in (stated, plain)]
    assert users[0] == users[1]


def test_a_library_without_computing_times_is_told_what_to_add(tmp_path: Path) -> None:
    library = tmp_path / "library.json"
    code, _, err = run("library", "from-config", "resnet18", "--models", 2, "--freeze", 2, "-o", library)
    assert code == 0, err
    code, _, err = run("generate", "loading", "--library", library, "-o", tmp_path / "drawn.json")
    assert code == 2
    told = " ".join(err.split())
    assert "lacks the keys 'compute_fixed_s', 'compute_per_sample_s', 'workspace_bytes_per_sample', which" in told
    assert "edgeopt library join FILE -o NEW --set '*.compute_fixed_s=VALUE'" in told

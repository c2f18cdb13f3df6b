"""Drawn libraries have the sharing structure that their name promises."""

from __future__ import annotations

import pytest

from edgeopt import UsageError
from edgeopt.libraries.generator import SHARING, generate_library
from edgeopt.libraries.library import ModelLibrary


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("models", [1, 2, 7, 60])
def test_valid_at_any_size(sharing: str, models: int) -> None:
    library = generate_library(sharing, models, seed=3)
    assert len(library.models) == models
    assert ModelLibrary.from_dict(library.to_dict()) == library
    held = {block for model in library.models.values() for block in model.blocks}
    assert held == set(library.blocks)
    assert min(library.blocks.values()) > 0


@pytest.mark.parametrize("sharing", SHARING)
def test_seeded(sharing: str) -> None:
    assert generate_library(sharing, 30, seed=5) == generate_library(sharing, 30, seed=5)
    assert generate_library(sharing, 30, seed=5).blocks != generate_library(sharing, 30, seed=6).blocks


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("sharing", "crossing", "structures"),
    [
        ("tree", None, {"tree"}),
        ("backbone", None, {"backbone"}),
        ("freeze-depth", 0.0, {"tree"}),
        ("lora-towers", 0.0, {"backbone"}),
        ("random", None, {"general"}),
        ("grid", None, {"general"}),
        ("interval", None, {"general"}),
        ("dense", None, {"general"}),
        ("freeze-depth", None, {"general"}),
        ("lora-towers", None, {"general"}),
    ],
)
def test_structure(sharing: str, crossing: float | None, structures: set[str], seed: int) -> None:
    assert generate_library(sharing, 60, seed, crossing=crossing).summary().structure in structures


@pytest.mark.parametrize("seed", range(3))
def test_lora_towers_stay_narrow(seed: int) -> None:
    assert generate_library("lora-towers", 300, seed).summary().width <= 8


def test_dense_blocks_lie_in_a_quarter_of_the_models() -> None:
    holders = generate_library("dense", 60, seed=1).sharing.holders
    assert {len(models) for models in holders} == {1, 15}


def test_interval_blocks_are_consecutive() -> None:
    for models in generate_library("interval", 60, seed=1).sharing.holders:
        assert models[-1] - models[0] == len(models) - 1


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
def test_shared_fraction(fraction: float) -> None:
    library = generate_library("random", 60, seed=1, shared_fraction=fraction)
    own = sum(size for block, size in library.blocks.items() if block.endswith("/own"))
    total = sum(library.size_bytes(model) for model in library.models)
    assert 1 - own / total == pytest.approx(fraction, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sharing": "gird"}, "did you mean 'grid'"),
        ({"models": 0}, "at least 1 model"),
        ({"shared_fraction": 1.5}, "between 0 and 1"),
        ({"sharing": "tree", "crossing": 0.5}, "no parameter 'crossing'"),
        ({"sharing": "lora-towers", "shared_fraction": 0.5}, "sizes are absolute"),
        ({"sharing": "freeze-depth", "crossing": float("nan")}, "between 0 and 1"),
    ],
)
def test_bad_parameters(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        generate_library(**arguments)  # type: ignore[arg-type]

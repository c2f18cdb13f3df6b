"""Drawn instances of loading: seeded, valid, of the stated size, with clear errors."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt
from edgeopt import ModelLibrary, UsageError
from edgeopt.libraries.generator import SHARING, generate_library
from edgeopt.loading.drawn_users import (
    CELL_RADIUS_M,
    EFFICIENCY_RANGE,
    popularity,
    spectral_efficiencies,
    upload_bytes,
)
from edgeopt.loading.generator import INDIVIDUAL_SPREAD, generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.usual_sizes import LEAST_BATCH


@pytest.mark.parametrize("sharing", SHARING)
def test_seeded_and_valid(sharing: str) -> None:
    instance = generate(sharing, 20, 100, seed=4)
    assert instance == generate(sharing, 20, 100, seed=4)
    assert instance.sha256 != generate(sharing, 20, 100, seed=5).sha256
    assert LoadingInstance.from_dict(instance.to_dict()) == instance
    assert len(instance.users) == 100
    assert len(instance.deadlines()) == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sharing", ["tree", "backbone", "lora-towers"])
def test_about_half_of_the_users_can_be_served(sharing: str, seed: int) -> None:
    instance = generate(sharing, 60, 600, seed)
    served = edgeopt.solve(instance, "modular-dp").objective
    assert served is not None
    assert 0.4 <= served / 600 <= 0.7


def test_loading_takes_a_good_part_of_the_service() -> None:
    instance = generate("tree", 60, 600, seed=1)
    metrics = edgeopt.check(instance, edgeopt.solve(instance, "dp")).metrics
    assert 0.3 <= metrics["loading_s"] / (metrics["loading_s"] + metrics["compute_s"]) <= 0.7


@pytest.mark.parametrize("sharing", SHARING)
def test_every_model_can_run_a_batch(sharing: str) -> None:
    instance = generate(sharing, 30, 60, seed=2)
    assert all((instance.capacity(model) or LEAST_BATCH) >= LEAST_BATCH for model in instance.library.models)


def test_given_library_deadline_and_server() -> None:
    library = generate_library("grid", 9, seed=1)
    instance = generate(
        users=30, library=library, deadline_s=2.0, memory_bytes=10**9, bandwidth_hz=2e7, load_rate_bytes_per_s=1e9
    )
    assert instance.library is library
    assert instance.deadlines() == [2.0]
    assert (instance.server.memory_bytes, instance.bandwidth_hz) == (10**9, 2e7)
    assert instance.server.load_rate_bytes_per_s == 1e9


def test_individual_deadlines_spread_around_the_common_one() -> None:
    deadlines = generate(users=200, deadlines="individual", deadline_s=10.0).deadlines()
    low, high = INDIVIDUAL_SPREAD
    assert len(deadlines) > 100
    assert 10 * low <= deadlines[0] < deadlines[-1] <= 10 * high


def test_same_users_with_either_kind_of_deadline() -> None:
    common, individual = (generate(seed=3, deadlines=kind) for kind in ("common", "individual"))  # type: ignore[arg-type]
    for name, user in common.users.items():
        assert user.model_copy(update={"deadline_s": 0.0}) == individual.users[name].model_copy(
            update={"deadline_s": 0.0}
        )


def test_no_users() -> None:
    assert generate(users=0).users == {}


def test_channel_lies_within_the_modulation_table() -> None:
    efficiency = spectral_efficiencies(20_000, np.random.default_rng(0))
    assert (efficiency.min(), efficiency.max()) == EFFICIENCY_RANGE
    # Without shadowing a user at the edge of the cell would have this efficiency; about half the users at the edge
    # do better, and most users are nearer.
    path_loss = 35.3 * np.log10(np.hypot(CELL_RADIUS_M, 8.5)) + 22.4 + 21.3 * np.log10(3.5)
    edge = np.log2(1 + 10 ** ((-44 - path_loss + 169 - 3) / 10))
    assert 0.5 < (efficiency > edge).mean() < 0.95


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("image", 50e3, 250e3), ("prompt", 400, 16_000), ("features", 200_704, 802_816)]
)
def test_uploads_are_whole_bytes_in_range(kind: str, low: float, high: float) -> None:
    sizes = upload_bytes(kind, 2000, np.random.default_rng(0))  # type: ignore[arg-type]
    assert (sizes == np.round(sizes)).all()
    assert low <= sizes.min() < 1.1 * low
    assert 0.9 * high < sizes.max() <= high


def test_popularity_is_zipfs() -> None:
    share = np.sort(popularity(100, 0.8, np.random.default_rng(0)))[::-1]
    assert share.sum() == pytest.approx(1)
    assert share[0] / share[9] == pytest.approx(10**0.8)
    assert popularity(5, 0.0, np.random.default_rng(0)) == pytest.approx(np.full(5, 0.2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sharing": "trees"}, "did you mean 'tree'"),
        ({"models": -3}, "at models: input should be greater than or equal to 1, not -3"),
        ({"users": -1}, "at users: input should be greater than or equal to 0"),
        ({"deadlines": "indiviual"}, "at deadlines: input should be 'common' or 'individual', not 'indiviual'"),
        ({"uploads": "video"}, "at uploads: input should be 'image', 'prompt', 'features' or 'none'"),
        ({"served_fraction": 0.0}, "at served_fraction: input should be greater than 0, not 0.0"),
        ({"zipf_exponent": float("nan")}, "at zipf_exponent: input should be a finite number"),
        ({"deadline_s": 0.0}, "at deadline_s: input should be greater than 0"),
        ({"bandwidth_hz": float("inf")}, "at bandwidth_hz: input should be a finite number"),
        ({"memory_bytes": -1}, "at memory_bytes: input should be greater than or equal to 1"),
        ({"library": ModelLibrary(blocks={}, models={})}, "has no models"),
        (
            {"library": ModelLibrary.from_dict({"blocks": {"b": 1}, "models": {"m": {"blocks": ["b"]}}})},
            "'m'.* lacks the keys 'compute_fixed_s', 'compute_per_sample_s', 'workspace_bytes_per_sample', which",
        ),
        (
            {
                "library": ModelLibrary.from_dict(
                    {"blocks": {}, "models": {"m": {"blocks": [], "compute_fixed_s": 1, "compute_per_sample_s": 1}}}
                )
            },
            r"lacks the key 'workspace_bytes_per_sample', .* --set '\*\.workspace_bytes_per_sample=VALUE'",
        ),
    ],
)
def test_bad_parameters(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        generate(**arguments)  # type: ignore[arg-type]

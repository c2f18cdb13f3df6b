"""Streams that are drawn, and those of traces."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgeopt.errors import InputError, UsageError
from edgeopt.loading.arrivals import BURST_FACTOR, CROWD_BEGIN, CROWD_PART, SWING, arrival_times
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance

COUNT = 40_000


def arrivals(instance: LoadingInstance) -> list[float]:
    return [user.arrival_s for user in instance.users.values()]


def asked(instance: LoadingInstance) -> list[str]:
    return [user.model for user in instance.users.values()]


@pytest.mark.parametrize("pattern", ["poisson", "diurnal", "bursts", "flash"])
def test_arrivals_are_within_the_duration_and_increase(pattern: str) -> None:
    times = arrival_times(pattern, 500, 20.0, np.random.default_rng(0))
    assert len(times) == 500
    assert (np.diff(times) >= 0).all()
    assert times[0] >= 0
    assert times[-1] <= 20
    assert len(arrival_times(pattern, 0, 20.0, np.random.default_rng(0))) == 0


def test_rates_follow_their_patterns() -> None:
    rng = np.random.default_rng(1)
    parts = {
        name: np.histogram(arrival_times(name, COUNT, 1.0, rng), bins=100, range=(0, 1))[0] * 100 / COUNT
        for name in ("poisson", "diurnal", "bursts", "flash")
    }
    assert parts["poisson"] == pytest.approx(np.ones(100), abs=0.2)
    wave = 1 + SWING * np.sin(2 * np.pi * (np.arange(100) + 0.5) / 100)
    assert parts["diurnal"] == pytest.approx(wave, abs=0.25)
    assert parts["flash"][:40].mean() == pytest.approx(1 - CROWD_PART, abs=0.05)
    assert parts["flash"][40:].sum() / 100 == pytest.approx(1 - 0.4 * (1 - CROWD_PART), abs=0.02)
    assert parts["flash"].argmax() == round(100 * CROWD_BEGIN)
    quiet, loud = np.quantile(parts["bursts"], [0.3, 0.98])
    assert loud / quiet == pytest.approx(BURST_FACTOR, rel=0.3)


def test_a_rate_gives_the_duration_and_windows_count_from_the_arrival() -> None:
    stream = generate(models=6, users=300, seed=2, arrivals="poisson", rate_per_s=10.0, deadline_s=2.0, uploads="none")
    assert stream.upload == "overlapped"
    assert 25 < arrivals(stream)[-1] <= 30
    windows = [user.deadline_s - user.arrival_s for user in stream.users.values()]
    assert windows == pytest.approx([2.0] * 300)
    assert not any(user.upload_bits for user in stream.users.values())
    own = generate(
        models=6, users=300, seed=2, arrivals="poisson", rate_per_s=10.0, deadline_s=2.0, deadlines="individual"
    )
    windows = [user.deadline_s - user.arrival_s for user in own.users.values()]
    assert 1.0 <= min(windows) < 1.1
    assert 2.9 < max(windows) <= 3.0


def test_popularity_drifts() -> None:
    still, moving = (
        generate(models=30, users=6000, seed=3, arrivals="poisson", zipf_exponent=2.0, drift=drift, uploads="none")
        for drift in (0.0, 1.0)
    )

    def first_and_last(stream: LoadingInstance) -> tuple[float, float]:
        names = asked(stream)
        favourite = max(set(names[:600]), key=names[:600].count)
        return names[:600].count(favourite) / 600, names[-600:].count(favourite) / 600

    early, late = first_and_last(still)
    assert late == pytest.approx(early, abs=0.08)
    early, late = first_and_last(moving)
    assert late < 0.5 * early


def test_a_crowd_asks_for_one_model() -> None:
    stream = generate(
        models=30, users=6000, seed=3, arrivals="flash", zipf_exponent=0.0, duration_s=1.0, uploads="none"
    )
    crowd = [user.model for user in stream.users.values() if CROWD_BEGIN <= user.arrival_s < CROWD_BEGIN + 0.02]
    most = max(map(crowd.count, set(crowd)))
    assert 0.7 < most / len(crowd) < 1


def test_a_trace_tells_times_models_and_lengths(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,model,ContextTokens\n12,m3,5\n10,m1,7\n11,m3,9\n10,m2,1\n")
    stream = generate(models=3, users=4, seed=1, arrivals="trace", trace=path, deadline_s=1.0)
    assert [(user.arrival_s, user.model, user.upload_bits) for user in stream.users.values()] == [
        (0.0, "m1", 224.0),
        (0.0, "m2", 32.0),
        (1.0, "m3", 288.0),
        (2.0, "m3", 160.0),
    ]
    stretched = generate(models=3, users=4, seed=1, arrivals="trace", trace=path, duration_s=8.0, uploads="none")
    assert arrivals(stretched) == [0.0, 0.0, 4.0, 8.0]
    assert {user.upload_bits for user in stretched.users.values()} == {0.0}
    assert arrivals(generate(models=3, users=2, arrivals="trace", trace=path, window_s=(1.0, 5.0))) == [0.0, 1.0]


def test_models_that_the_library_lacks_are_mapped_by_rank(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{second},{name}" for second, name in enumerate("xyxzxyx")]
    path.write_text("\n".join(["time,model", *rows]))
    stream = generate(models=2, users=7, seed=4, arrivals="trace", trace=path, zipf_exponent=2.0)
    first, second = asked(stream)[:2]
    assert first != second
    assert asked(stream) == [first, second, first, first, first, second, first]  # z is third: ranks go round
    popular = asked(generate(models=2, users=200, seed=4, zipf_exponent=2.0))
    assert popular.count(first) > popular.count(second)


def test_published_traces_are_drawn_with_their_minutes() -> None:
    stream = generate(models=4, users=9000, seed=1, arrivals="trace", trace="azure-conversation", uploads="none")
    minutes = np.histogram(arrivals(stream), bins=np.arange(0, 3600, 60))[0]
    assert 3400 < arrivals(stream)[-1] <= 3502
    assert minutes[31] > 1.6 * minutes[1]


def test_a_trace_without_times_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("model\nm0\n")
    with pytest.raises(InputError, match="no column is named 'timestamp' or 'time'"):
        generate(models=3, users=1, arrivals="trace", trace=path)
    path.write_text("time,model\nsoon,m0\n")
    with pytest.raises(InputError, match="line 2, column time"):
        generate(models=3, users=1, arrivals="trace", trace=path)
    path.write_text("time,model\n1,\n")
    with pytest.raises(InputError, match="line 2, column model"):
        generate(models=3, users=1, arrivals="trace", trace=path)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"arrivals": "trace"}, "need the trace"),
        ({"rate_per_s": 2.0}, "rate_per_s says how users arrive"),
        ({"drift": 0.5}, "drift says how users arrive"),
        ({"arrivals": "poisson", "upload": "phase"}, "upload meanwhile"),
        ({"arrivals": "poisson", "rate_per_s": 2.0, "duration_s": 1.0}, "give one of them"),
        ({"prefetch": "next"}, "say overlapped"),
        ({"arrivals": "trace", "trace": "azure-code", "users": 10_000}, "fewer than 10000"),
        ({"arrivals": "hourly"}, "arrivals"),
    ],
)
def test_arguments_that_cannot_be_meant(given: dict, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        generate(**{"models": 3, "users": 5, **given})


@pytest.mark.parametrize("pairs", [0, 1])
def test_tiny_streams(pairs: int) -> None:
    for pattern in ("poisson", "diurnal", "bursts", "flash", "trace"):
        trace = {"trace": "azure-code"} if pattern == "trace" else {}
        stream = generate(models=3, users=pairs, seed=1, arrivals=pattern, **trace)
        assert len(stream.users) == pairs
        assert all(early <= late for early, late in pairwise(arrivals(stream)))

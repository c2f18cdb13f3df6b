"""Aggregates against plain loops over random results, and what must hold of them always."""

from __future__ import annotations

from itertools import pairwise
from math import inf, isnan, nan, prod
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeopt.errors import UsageError
from edgeopt.experiments import (
    common_cases,
    performance_profile,
    plot_profile,
    proof_times,
    run_times,
    shifted_geometric_mean,
    summary,
    target_times,
    with_integrals,
)
from edgeopt.experiments.gaps import primal_gap, references
from tests.experiments.frames import LIMIT_S, frame_of, random_rows

TIMES = st.lists(st.floats(0, 1e5), min_size=1, max_size=30)
CASES = [(seed, maximize) for seed in range(8) for maximize in (True, False)]


def rows_of(seed: int, maximize: bool) -> list[dict[str, Any]]:
    return random_rows(np.random.default_rng(seed), maximize, instances=4, methods=3, seeds=2)


class TestShiftedGeometricMean:
    @settings(deadline=None)
    @given(TIMES, st.floats(0.01, 100))
    def test_is_the_root_of_the_product(self, times: list[float], shift: float) -> None:
        expected = prod((time + shift) ** (1 / len(times)) for time in times) - shift
        assert shifted_geometric_mean(times, shift) == pytest.approx(expected, rel=1e-6, abs=1e-6)

    @settings(deadline=None)
    @given(TIMES, st.floats(0.01, 100))
    def test_lies_between_least_and_arithmetic_mean(self, times: list[float], shift: float) -> None:
        mean = shifted_geometric_mean(times, shift)
        assert min(times) * (1 - 1e-9) - 1e-9 <= mean <= np.mean(times) * (1 + 1e-9) + 1e-9

    @settings(deadline=None)
    @given(TIMES, st.integers(0, 29), st.floats(0, 1e3))
    def test_grows_with_each_time(self, times: list[float], index: int, more: float) -> None:
        longer = list(times)
        longer[index % len(times)] += more
        assert shifted_geometric_mean(longer) >= shifted_geometric_mean(times) * (1 - 1e-12)

    @pytest.mark.parametrize("bad", [nan, inf, -1.0])
    def test_refuses_what_is_missing(self, bad: float) -> None:
        with pytest.raises(UsageError, match="missing"):
            shifted_geometric_mean([1.0, bad])

    def test_of_nothing_is_nothing(self) -> None:
        assert isnan(shifted_geometric_mean([]))


def gap_by_hand(value: float | None, reference: float) -> float:
    """Berthold's definition, case by case."""
    if value is None or isnan(value):
        return 1.0
    if value == reference:
        return 0.0
    if (value < 0 < reference) or (reference < 0 < value):
        return 1.0
    return abs(reference - value) / max(abs(reference), abs(value))


def reference_by_hand(rows: list[dict[str, Any]], instance: str, maximize: bool) -> float | None:
    own = [row for row in rows if row["instance"] == instance]
    found = [row["objective"] for row in own if row["objective"] is not None]
    return (max(found) if maximize else min(found)) if found else None


@pytest.mark.parametrize(("seed", "maximize"), CASES)
def test_summary_by_hand(seed: int, maximize: bool) -> None:
    rows = rows_of(seed, maximize)
    table = summary(frame_of(rows)).set_index("method")
    for method in ("m0", "m1", "m2"):
        own = [row for row in rows if row["method"] == method]
        done = [row for row in own if row["status"] != "pending"]
        line = table.loc[method]
        assert (line["requested"], line["finished"]) == (len(own), len(done))
        for name, statuses in (("proved", ["optimal"]), ("refused", ["refused"]), ("failed", ["failed"])):
            assert line[name] == sum(row["status"] in statuses for row in own)
        assert line["with_plan"] == sum(row["objective"] is not None for row in own)
        assert line["timeouts"] == sum(row["stopped"] in ("time_limit", "hard_limit") for row in own)
        proofs = [min(row["wall_s"], LIMIT_S) if row["status"] == "optimal" else LIMIT_S for row in done]
        ended = [min(row["wall_s"], LIMIT_S) if row["stopped"] in ("proved", "finished") else LIMIT_S for row in done]
        for name, times in (("mean_proof_s", proofs), ("mean_time_s", ended)):
            mean = prod((time + 1) ** (1 / len(times)) for time in times) - 1 if times else nan
            assert line[name] == pytest.approx(mean, nan_ok=True)
        measured = [(row, reference_by_hand(rows, row["instance"], maximize)) for row in done]
        for name, column in (("mean_primal_gap", "objective"), ("mean_bound_gap", "bound")):
            gaps = [gap_by_hand(row[column], value) for row, value in measured if value is not None]
            assert line["measured"] == len(gaps)
            assert line[name] == pytest.approx(np.mean(gaps) if gaps else nan, nan_ok=True)


@pytest.mark.parametrize(("seed", "maximize"), CASES)
def test_profile_by_hand(seed: int, maximize: bool) -> None:
    rows = rows_of(seed, maximize)
    profile = performance_profile(frame_of(rows))
    cases = {(row["instance"], row["seed"]) for row in rows}
    open_cases = {(row["instance"], row["seed"]) for row in rows if row["status"] == "pending"}
    assert (profile.cases, profile.left_out) == (len(cases - open_cases), len(open_cases))
    taken = {
        (row["instance"], row["seed"], row["method"]): max(row["wall_s"], 0.01) if row["status"] == "optimal" else inf
        for row in rows
        if (row["instance"], row["seed"]) not in open_cases
    }
    for method, curve in profile.curves.items():
        for ratio, part in curve.items():
            within = [
                case
                for case in cases - open_cases
                if taken[*case, method] < inf
                and taken[*case, method]
                <= ratio * min(taken[*case, other] for other in ("m0", "m1", "m2")) * (1 + 1e-12)
            ]
            if profile.cases:
                assert part == pytest.approx(len(within) / profile.cases)
        assert curve.is_monotonic_increasing
        reach = [case for case in cases - open_cases if taken[*case, method] < inf]
        assert curve.iloc[-1] * profile.cases == pytest.approx(len(reach))


def test_profile_refuses_what_it_cannot_compare() -> None:
    rows = rows_of(0, True)
    with pytest.raises(UsageError, match="several runs of a case"):
        performance_profile(frame_of([*rows, {**rows[0], "run": 99, "options": "{1}"}]))
    with pytest.raises(UsageError, match="one problem"):
        performance_profile(frame_of([*rows, {**rows[0], "run": 99, "problem": "pulling"}]))


def test_profile_figure_tells_what_is_left_out() -> None:
    profile = performance_profile(frame_of(rows_of(3, True)))
    axes = plot_profile(profile)
    assert [line.get_label() for line in axes.get_lines()] == ["m0", "m1", "m2"]
    assert axes.get_ylabel() == f"part of {profile.cases} cases"
    assert axes.get_title() == f"{profile.left_out} cases left out: not finished by every method"


def random_history(rng: np.random.Generator, rows: list[dict[str, Any]], maximize: bool) -> pd.DataFrame:
    """Incumbents that end at the objective and bounds that end at the bound, now and then too good to be true."""
    sign, points = 1 if maximize else -1, []
    for row in rows:
        if row["status"] not in ("optimal", "feasible", "unknown"):
            continue
        count = int(rng.integers(1, 6))
        elapsed = np.sort(rng.random(count) * 1.2 * LIMIT_S)
        for step in range(count):
            worse = float(rng.integers(-3, 30)) if step < count - 1 else 0.0
            objective = None if row["objective"] is None else row["objective"] - sign * worse
            bound = None if row["bound"] is None else row["bound"] + sign * worse
            points.append((row["run"], elapsed[step], objective, bound))
    frame = pd.DataFrame(points, columns=["run", "elapsed_s", "objective", "bound"])
    return frame.astype({"elapsed_s": float, "objective": float, "bound": float})


def value_at(history: pd.DataFrame, run: int, column: str, time: float, final: float | None, up: bool) -> float | None:
    """The last value told by a moment, never better than the checked one."""
    told = [row for row in history.to_dict("records") if row["run"] == run and row["elapsed_s"] <= time]
    if not told or isnan(told[-1][column]) or final is None:
        return None
    return min(told[-1][column], final) if up else max(told[-1][column], final)


@pytest.mark.parametrize(("seed", "maximize"), CASES[:8])
def test_integrals_by_hand(seed: int, maximize: bool) -> None:
    rows = rows_of(seed, maximize)
    history = random_history(np.random.default_rng(seed), rows, maximize)
    frame = with_integrals(frame_of(rows), history).set_index("run")
    for row in rows:
        reference = reference_by_hand(rows, row["instance"], maximize)
        for column, up in (("objective", maximize), ("bound", not maximize)):
            integral = frame.loc[row["run"], "primal_integral_s" if column == "objective" else "bound_integral_s"]
            if row["status"] == "pending" or reference is None:
                assert isnan(integral)
                continue
            edges = [0.0, LIMIT_S, *history.loc[history["run"] == row["run"], "elapsed_s"]]
            edges = sorted(min(edge, LIMIT_S) for edge in edges)
            expected = sum(
                (right - left)
                * gap_by_hand(value_at(history, row["run"], column, (left + right) / 2, row[column], up), reference)
                for left, right in pairwise(edges)
            )
            assert integral == pytest.approx(expected)
            assert -1e-9 <= integral <= LIMIT_S + 1e-9


@pytest.mark.parametrize(("seed", "maximize"), CASES[:8])
def test_target_times_by_hand(seed: int, maximize: bool) -> None:
    rows = rows_of(seed, maximize)
    history = random_history(np.random.default_rng(seed), rows, maximize)
    for target in (0.0, 0.1, 0.5):
        times = target_times(frame_of(rows), history, target)
        for row, time in zip(rows, times, strict=True):
            reference = reference_by_hand(rows, row["instance"], maximize)
            if row["status"] == "pending" or reference is None:
                assert isnan(time)
                continue
            moments = sorted(history.loc[history["run"] == row["run"], "elapsed_s"])
            values = [value_at(history, row["run"], "objective", at, row["objective"], maximize) for at in moments]
            near = [at for at, value in zip(moments, values, strict=True) if gap_by_hand(value, reference) <= target]
            assert time == (min(near) if near else inf)


def test_common_cases_by_hand() -> None:
    for seed, maximize in CASES:
        rows = rows_of(seed, maximize)
        kept = common_cases(frame_of(rows))
        open_cases = {(row["instance"], row["seed"]) for row in rows if row["status"] == "pending"}
        expected = [row["run"] for row in rows if (row["instance"], row["seed"]) not in open_cases]
        assert list(kept["run"]) == expected


@pytest.mark.parametrize(("seed", "maximize"), CASES)
def test_a_lost_proof_never_improves_a_mean(seed: int, maximize: bool) -> None:
    rows = rows_of(seed, maximize)
    proved = [row for row in rows if row["status"] == "optimal"]
    before = summary(frame_of(rows)).set_index("method")
    for row in proved[:1]:
        row.update(status="failed", stopped="hard_limit", objective=None, bound=None, wall_s=3 * LIMIT_S)
        after = summary(frame_of(rows)).set_index("method").loc[row["method"]]
        assert after["mean_proof_s"] >= before.loc[row["method"], "mean_proof_s"]
        assert after["mean_time_s"] >= before.loc[row["method"], "mean_time_s"]
        assert after["finished"] == before.loc[row["method"], "finished"]


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
@example(1.1e-308, -1.7e-295)  # their product is no number below 0
@example(2.0e-222, -3.2e-220)
def test_primal_gap_of_numbers(value: float, reference: float) -> None:
    (gap,) = primal_gap(np.array([value]), np.array([reference]))
    assert gap == pytest.approx(gap_by_hand(value, reference))
    assert 0 <= gap <= 1


def test_times_of_pending_runs_are_missing() -> None:
    frame = frame_of(rows_of(1, True))
    pending = frame["status"] == "pending"
    for times in (proof_times(frame), run_times(frame)):
        assert times[pending].isna().all()
        assert times[~pending].notna().all()
    assert len(references(frame)) == len(frame)

"""Gaps of runs to what all runs of an instance know together, in both senses."""

from __future__ import annotations

from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgeopt.experiments import contradictions
from tests.experiments.frames import frame_of, random_rows

GAPS = ["gap", "gap_to_best_bound", "gap_to_best_found", "gap_to_optimum", "gap_to_best_known"]


def rows_of(seed: int, maximize: bool) -> list[dict[str, Any]]:
    return random_rows(np.random.default_rng(seed), maximize, instances=4, methods=4, seeds=1)


@pytest.mark.parametrize("maximize", [True, False])
def test_by_hand(maximize: bool) -> None:
    best, least = (max, min) if maximize else (min, max)
    for seed in range(12):
        rows = rows_of(seed, maximize)
        known = {"i0": 40.0, "i1": -3.0}
        for row, line in zip(rows, frame_of(rows, known).to_dict("records"), strict=True):
            own = [other for other in rows if other["instance"] == row["instance"]]
            found = [other["objective"] for other in own if other["objective"] is not None]
            bounds = [other["bound"] for other in own if other["bound"] is not None]
            proved = [other["objective"] for other in own if other["status"] == "optimal"]
            expected: dict[str, float | None] = {
                "best_found": best(found) if found else None,
                "best_bound": least(bounds) if bounds else None,
                "best_known": known.get(row["instance"]),
            }
            closed = found and bounds and expected["best_found"] == expected["best_bound"]
            expected["optimum"] = proved[0] if proved else expected["best_found"] if closed else None
            value = row["objective"]
            expected["gap"] = None if value is None or row["bound"] is None else distance(value, row["bound"], value)
            for name, divisor in (("best_bound", value), ("best_found", None), ("optimum", None)):
                target = expected[name]
                if value is None or target is None:
                    expected[f"gap_to_{name}"] = None
                else:
                    expected[f"gap_to_{name}"] = distance(value, target, target if divisor is None else divisor)
            target = expected["best_known"]
            if value is None or target is None:
                expected["gap_to_best_known"] = None
            else:
                loss = target - value if maximize else value - target
                expected["gap_to_best_known"] = loss / abs(target)
            for name, figure in expected.items():
                assert line[name] == pytest.approx(nan if figure is None else figure, nan_ok=True), name


def distance(first: float, second: float, divisor: float) -> float:
    return 0.0 if first == second else abs(first - second) / (abs(divisor) or max(abs(first), abs(second)))


def test_the_senses_mirror_each_other() -> None:
    for seed in range(8):
        rows = rows_of(seed, True)
        mirrored = [
            {
                **row,
                "problem": "pulling",
                "objective": None if row["objective"] is None else -row["objective"],
                "bound": None if row["bound"] is None else -row["bound"],
            }
            for row in rows
        ]
        first, second = frame_of(rows, {"i2": 7.0}), frame_of(mirrored, {"i2": -7.0})
        pd.testing.assert_frame_equal(first[GAPS], second[GAPS])


def test_nothing_known_is_nothing_said() -> None:
    rows = [{**row, "objective": None, "bound": None, "status": "failed"} for row in rows_of(0, True)]
    frame = frame_of(rows)
    assert frame[[*GAPS, "best_found", "best_bound", "optimum", "best_known"]].isna().all(axis=None)


@pytest.mark.parametrize("maximize", [True, False])
def test_contradictions(maximize: bool) -> None:
    for seed in range(8):
        rows = rows_of(seed, maximize)
        assert contradictions(frame_of(rows)) == []
        bounded = next(row for row in rows if row["bound"] is not None)
        found = [r["objective"] for r in rows if r["instance"] == bounded["instance"] and r["objective"] is not None]
        bounded["bound"] = (max(found) - 1 if maximize else min(found) + 1) if found else 0.0
        said = contradictions(frame_of(rows))
        assert [f"(run {bounded['run']}) crosses" in sentence for sentence in said] == ([True] if found else [])
        own = frame_of(rows)[lambda frame, name=bounded["instance"]: frame["instance"] == name]
        assert not found or own["optimum"].isna().all()


def test_a_run_that_denies_a_plan_is_a_contradiction() -> None:
    rows = rows_of(0, True)
    rows[0] |= {"objective": None, "bound": None, "status": "infeasible"}
    rows[1] |= {"objective": 3.0, "status": "feasible", "bound": None}
    (said,) = contradictions(frame_of(rows))
    assert "'m0' (run 1) states that there is no plan" in said


def test_no_rows_at_all() -> None:
    frame = frame_of(rows_of(0, True)).iloc[:0]
    assert frame.empty
    assert isnan(frame["gap"].mean())

"""Random frames of results, as a sweep could give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from edgeopt.experiments.gaps import with_gaps

LIMIT_S = 10.0


def random_rows(
    rng: np.random.Generator, maximize: bool, instances: int, methods: int, seeds: int
) -> list[dict[str, Any]]:
    """Rows with every status: objectives and bounds enclose an optimum of 50, or -50 or 0."""
    rows = []
    for instance in range(instances):
        optimum = float(rng.choice([50, 50, -50, 0]))
        for method in range(methods):
            for seed in range(seeds):
                rows.append(_row(rng, maximize, optimum, f"i{instance}", f"m{method}", seed))
    for run, row in enumerate(rows, 1):
        row["run"] = run
    return rows


def _row(
    rng: np.random.Generator, maximize: bool, optimum: float, instance: str, method: str, seed: int
) -> dict[str, Any]:
    sign = 1 if maximize else -1
    status = str(rng.choice(["optimal", "feasible", "unknown", "refused", "failed", "pending"]))
    objective = optimum if status == "optimal" else optimum - sign * float(rng.integers(0, 60))
    bound = optimum if status == "optimal" else optimum + sign * float(rng.integers(0, 60))
    told = status in ("optimal", "feasible", "unknown")
    stopped = "proved" if status == "optimal" else str(rng.choice(["finished", "time_limit"])) if told else None
    if status == "failed" and rng.random() < 0.5:
        stopped = "hard_limit"
    return {
        "problem": "loading" if maximize else "pulling",
        "instance": instance,
        "instance_sha256": instance,
        "method": method,
        "seed": seed,
        "status": status,
        "stopped": stopped,
        "objective": objective if status in ("optimal", "feasible") else None,
        "bound": bound if told and (status == "optimal" or rng.random() < 0.7) else None,
        "wall_s": None
        if status == "pending"
        else LIMIT_S + rng.random()
        if stopped == "time_limit"
        else float(rng.exponential(4)),
        "time_limit_s": LIMIT_S,
        "threads": 1.0,
        "options": "{}",
    }


def frame_of(rows: list[dict[str, Any]], best_known: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Make the frame that `read_results` would give."""
    frame = pd.DataFrame(rows)
    for column in ("objective", "bound", "wall_s"):
        frame[column] = frame[column].astype(float)
    return with_gaps(frame, best_known or {})

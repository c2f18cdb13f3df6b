"""What overlapped uploads and capacity retention gain, and how often their optimum is proved."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance

KINDS = ("random", "grid", "dense", "interval", "tree", "backbone", "freeze-depth", "lora-towers")
GENERAL = ("random", "grid", "dense")
SLOW = {"load_rate_bytes_per_s": 1e8}
DOMINATED = {**SLOW, "shared_fraction": 0.95, "served_fraction": 0.8}  # loading takes most of the time
OVERLAPPED = {"upload": "overlapped"}
CAPACITY = {"retention": "capacity"}
BOTH = {**OVERLAPPED, **CAPACITY}
INDIVIDUAL = {"deadlines": "individual"}
# Part of the page: label, models, users, keys of the generator, kinds, seeds, method, seconds.
SUITES: dict[str, list[tuple[str, int, int, dict[str, Any], tuple[str, ...], int, str, float]]] = {
    "overlapped": [
        ("overlapped", 10, 40, OVERLAPPED, KINDS, 2, "exact", 60),
        ("overlapped", 20, 120, OVERLAPPED, ("freeze-depth",), 2, "exact", 60),
        ("overlapped", 15, 75, OVERLAPPED, GENERAL, 3, "exact", 30),
        ("overlapped", 60, 600, OVERLAPPED, ("random", "grid"), 1, "exact", 60),
    ],
    "capacity": [
        ("capacity", 9, 27, CAPACITY, KINDS, 2, "exact", 60),
        ("capacity, slow loading", 9, 27, {**CAPACITY, **SLOW}, GENERAL, 4, "exact", 60),
        ("capacity, load-dominated", 9, 27, {**CAPACITY, **DOMINATED}, KINDS[:-1], 4, "exact", 60),
        ("both, slow loading", 9, 27, {**BOTH, **SLOW}, KINDS, 1, "exact", 60),
    ],
    "individual": [
        ("overlapped, individual", 6, 30, {**OVERLAPPED, **INDIVIDUAL}, GENERAL, 2, "exact", 20),
        ("capacity, individual", 6, 30, {**CAPACITY, **INDIVIDUAL}, GENERAL, 2, "exact", 20),
        ("both, individual", 6, 30, {**BOTH, **INDIVIDUAL}, GENERAL, 2, "exact", 20),
        ("overlapped, individual", 15, 150, {**OVERLAPPED, **INDIVIDUAL}, ("random",), 1, "exact", 30),
        ("capacity, individual", 15, 150, {**CAPACITY, **INDIVIDUAL}, ("random",), 1, "exact", 30),
    ],
    "cpsat": [
        ("overlapped", 3, 9, OVERLAPPED, ("random",), 4, "cpsat", 20),
        ("capacity", 3, 9, CAPACITY, ("random",), 4, "cpsat", 20),
        ("both", 3, 9, BOTH, ("random",), 4, "cpsat", 20),
        ("overlapped, individual", 3, 9, {**OVERLAPPED, **INDIVIDUAL}, ("random",), 4, "cpsat", 20),
        ("capacity, individual", 3, 9, {**CAPACITY, **INDIVIDUAL}, ("random",), 4, "cpsat", 20),
        ("both, individual", 3, 9, {**BOTH, **INDIVIDUAL}, ("random",), 4, "cpsat", 20),
    ],
}
COLUMNS = ["modes", "models x users", "sharing", "method", "proved", "gap", "CPU s", "wall s", "gain", "two-phase",
           "consecutive", "lru"]  # fmt: skip
BASELINES = ("two-phase", "consecutive", "lru")
ROWS = Path(tempfile.gettempdir()) / "edgeopt-extended-rows.json"


def measured(instance: LoadingInstance, method: str, limit_s: float) -> dict[str, Any]:
    """Solve one instance in its modes, by the baselines that fit, and in the usual modes."""
    began = time.process_time()
    best = edgeopt.solve(instance, method, time_limit=limit_s, threads=1)
    cpu = time.process_time() - began
    usual = instance.model_copy(update={"upload": "phase", "retention": "consecutive"})
    assert best.objective is not None
    assert best.bound is not None
    found = {"usual": edgeopt.solve(usual, time_limit=limit_s, threads=1).objective}
    known = edgeopt.methods("loading")
    for name in BASELINES:
        if known[name].refusal(instance) is None:
            found[name] = edgeopt.solve(instance, name, time_limit=limit_s, threads=1).objective
    return {
        "proved": best.status == edgeopt.Status.OPTIMAL,
        "gap": (best.bound - best.objective) / max(1, best.objective),
        "cpu": cpu,
        "wall": best.runtime_s,
        **{name: best.objective / max(1, value or 0) - 1 for name, value in found.items()},
    }


def row_of(suite: tuple[Any, ...], kind: str) -> list[Any]:
    """Measure a row of the table."""
    label, models, users, keys, _, seeds, method, limit_s = suite
    found = [measured(generate(kind, models, users, seed=seed, **keys), method, limit_s) for seed in range(seeds)]
    gains = [
        f"{np.mean([result[name] for result in found]):+.1%}" if name in found[0] else ""
        for name in ("usual", *BASELINES)
    ]
    proved = f"{sum(result['proved'] for result in found)} of {seeds}"
    gap, cpu, wall = (max(result[name] for result in found) for name in ("gap", "cpu", "wall"))
    return [label, f"{models} x {users}", kind, method, proved, f"{gap:.1%}", cpu, wall, *gains]


def main() -> None:
    """Measure some parts, and write the page with the latest rows of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(SUITES), help=f"of {', '.join(SUITES)}; default: all")
    parser.add_argument("--rows", type=Path, default=ROWS, help="where rows are kept between runs of parts")
    arguments = arguments_on_a_quiet_machine(parser)
    parts, store = arguments.parts, arguments.rows
    for keys in (OVERLAPPED, CAPACITY, BOTH):  # compiles
        edgeopt.solve(generate("random", 3, 9, seed=0, **keys), "counts-dp")
        edgeopt.solve(generate("random", 3, 9, seed=0, **keys, **INDIVIDUAL), "local-search", iteration_limit=100)
    rows = json.loads(store.read_text()) if store.exists() else {}
    for part in parts:
        rows[part] = []
        for suite in SUITES[part]:
            for kind in suite[4]:
                rows[part].append(row_of(suite, kind))
                print(*rows[part][-1], flush=True)
        store.write_text(json.dumps(rows, indent=1) + "\n")
    write_results(
        __file__,
        "Overlapped uploads and capacity retention",
        [
            f"Measured in this run: {', '.join(parts)}. Rows of other parts are kept from earlier runs.",
            "Limits of 60 s for each instance, 30 s for 15 x 75 and 15 x 150, 20 s for the other individual deadlines "
            "and for CP-SAT; one thread, seeds from 0 on. *Gap*, *CPU s* and *wall s* are the largest of the row. "
            "*Gain*, *two-phase*, *consecutive*, *lru*: users served beyond the usual modes (uploads first, blocks "
            "kept by consecutive models) and beyond these baselines, the means of the row. Slow loading: 1e8 bytes/s "
            "instead of 2.69e9. Load-dominated: slow loading, 95 % of each model's bytes shared, and a deadline for "
            "about 80 % of the users.",
            table(COLUMNS, [row for part in SUITES for row in rows.get(part, [])]),
        ],
    )


if __name__ == "__main__":
    main()

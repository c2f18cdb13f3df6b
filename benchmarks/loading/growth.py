"""How the proofs of `exact` grow with the size of the instance, where no dynamic program is in reach."""

from __future__ import annotations

import argparse
from statistics import mean
from typing import Any

from benchmarks.loading.dp_growth import exponent
from benchmarks.loading.exact import REGIMES
from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.loading.generator import generate

SEEDS = (20, 21, 22)
INDIVIDUAL, OVERLAPPED = {"deadlines": "individual"}, {"upload": "overlapped"}
# Heading, sharing, keys of the generator, users of each model, numbers of models, seconds for each proof.
CASES: list[tuple[str, str, dict[str, Any], int, tuple[int, ...], float]] = [
    ("One deadline, load-heavy grid", "grid", REGIMES["load-heavy"], 10, (15, 30, 60, 90), 15.0),
    ("One deadline, load-heavy dense", "dense", REGIMES["load-heavy"], 10, (15, 30, 60, 90), 15.0),
    ("Overlapped uploads", "random", OVERLAPPED, 4, (6, 8, 10, 12), 4.0),
    ("Individual deadlines", "random", INDIVIDUAL, 5, (4, 6, 8, 10), 4.0),
    ("Individual deadlines, overlapped uploads", "random", INDIVIDUAL | OVERLAPPED, 5, (3, 4, 5, 6), 4.0),
]
COLUMNS = ["users", "models", "proved", "mean CPU s", "largest gap", "peak MB"]


def row(sharing: str, keys: dict[str, Any], models: int, users: int, limit_s: float) -> list[Any]:
    """Prove the instances of one size; their mean time is told where all are proved."""
    runs = []
    for seed in SEEDS:
        instance = generate(sharing, models, users, seed, **keys)
        runs.append(solved(instance, "exact", threads=1, seed=seed, time_limit=limit_s))
        if runs[-1].result is None:
            raise RuntimeError(runs[-1].failure)
    proved = sum(run.result.status == "optimal" for run in runs)
    time_s = mean(run.cpu_s for run in runs) if proved == len(runs) else None
    gap, peak = max(run.result.gap for run in runs), max(run.peak_bytes for run in runs)
    found = [users, models, f"{proved} of {len(runs)}", time_s, f"{gap:.1%}", f"{peak / 1e6:.0f}"]
    print(sharing, *found, flush=True)
    return found


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    sections = [
        f"`exact` with one thread, seeds {', '.join(map(str, SEEDS))} of the generator. A time is given where all are "
        "proved; the growth is fitted to these sizes. Peak memory is that of the whole process."
    ]
    for heading, sharing, keys, each, sizes, limit_s in CASES:
        rows = [row(sharing, keys, models, each * models, limit_s) for models in sizes]
        timed = sum(found[3] is not None for found in rows)
        fitted = f" Fitted growth: users ** {exponent(rows):.2f}." if timed > 1 else ""
        sections.append(f"## {heading}\n\n{sharing} sharing, {limit_s:g} s for each.{fitted}")
        sections.append(table(COLUMNS, rows))
    write_results(__file__, "Growth of the proofs", sections)


if __name__ == "__main__":
    main()

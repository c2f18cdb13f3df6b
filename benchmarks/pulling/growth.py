"""How time and memory of pulling grow: the linear relaxation, `rounding`, `exact` with compute limits, `lagrangian`."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from benchmarks.growth import exponent
from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.pulling.generator import generate
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.separable import choices

SEED = 5_000
HEADER = ["cloudlets", "requests", "models", "choices", "CPU s", "peak MB", "gap", "status"]
Size = tuple[int, int, int]
WIDE: list[Size] = [(30, 250, 48), (30, 500, 48), (30, 1000, 48), (30, 2000, 48)]
LIMITED: list[Size] = [(6, 60, 24), (8, 80, 28), (10, 100, 32), (12, 120, 36)]
LARGE: list[Size] = [(50, 1000, 60), (70, 1400, 84), (100, 2000, 120), (140, 2800, 168)]
CASES: dict[str, tuple[str, list[Size], str, dict[str, Any]]] = {  # method, sizes, compute limits, options
    "`bound`, without compute limits": ("bound", WIDE, "unlimited", {"time_limit": 20.0}),
    "`rounding`, without compute limits": ("rounding", WIDE, "unlimited", {"time_limit": 20.0}),
    "`exact` with compute limits, to 1 %": ("exact", LIMITED, "limited", {"time_limit": 20.0, "gap": 0.01}),
    "`lagrangian`, without compute limits": ("lagrangian", LARGE, "unlimited", {"time_limit": 20.0}),
}


def row(instance: PullingInstance, method: str, options: dict[str, Any]) -> list[Any]:
    """One run."""
    run = solved(instance, method, threads=1, **options)
    size = [len(instance.cloudlets), len(instance.requests), len(instance.library.models), choices(instance)]
    if run.result is None:
        return [*size, None, None, None, run.failure]
    gap = run.result.gap
    cells = [None if gap is None else f"{gap:.2%}", str(run.result.status)]
    return [*size, run.cpu_s, run.peak_bytes / 1e6, *cells]


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    sections = [
        f"Instances of the generator's defaults, seed {SEED:,}, one thread, at most 20 s each. Exponents are of CPU "
        "seconds over choices of request, model and cloudlet; a run that its limit ends makes them look smaller. Peak "
        "memory is that of the whole process."
    ]
    for title, (method, sizes, compute, options) in CASES.items():
        drawn = partial(generate, seed=SEED, compute=compute)
        solved(drawn(cloudlets=4, requests=20, models=12), method)  # compiles the kernels
        found = [row(drawn(cloudlets=c, requests=r, models=m), method, options) for c, r, m in sizes]
        fitted = exponent([line[3] for line in found], [line[4] for line in found])
        sections += [f"## {title}\n\nFitted growth: choices ** {fitted:.2f}.", table(HEADER, found)]
        for line in found:
            print(method, *line, flush=True)
    write_results(__file__, "Growth of pulling", sections)


if __name__ == "__main__":
    main()

"""From the start of `edgeopt solve` to a solver that runs: where the time goes before the solver has it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results

INSTANCES = Path(__file__).parents[2] / "instances" / "loading"
FILES = ("random-60x600", "freeze-depth-60x600", "grid-60x600", "dense-60x600", "resnet-detection-60x600")
STEPS = ("python", "import", "read", "build", "hand over")
PROBE = Path(__file__).with_name("overhead_probe.py")


def probe(file: str, method: str) -> dict[str, float]:
    """Run the command line until its solver starts; return the seconds of each step."""
    command = [sys.executable, str(PROBE), str(INSTANCES / f"{file}.json"), method]
    began = time.time()
    ended = subprocess.run([*command, repr(began)], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    return json.loads(ended.stdout.splitlines()[-1])


def measured(file: str, method: str, repeats: int) -> list[Any]:
    """One row: the median seconds of each step over several runs."""
    probe(file, method)  # fills the caches of the file system and of compiled kernels, untimed
    runs = [probe(file, method) for _ in range(repeats)]
    steps = [median(run.get(step, 0.0) for run in runs) for step in STEPS]
    overhead = median(sum(run.get(step, 0.0) for step in STEPS) for run in runs)
    return [file, method, *steps, overhead, median(run["own"] for run in runs), median(run["wall"] for run in runs)]


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = arguments_on_a_quiet_machine(parser).repeats
    rows = []
    for file in FILES:
        rows.append(measured(file, "exact", repeats))
        print(*rows[-1], flush=True)
    header = ["instance", "method", *STEPS, "overhead", "method's own work", "wall to the solver"]
    write_results(
        __file__,
        "Overhead before the solver runs",
        [
            "CPU seconds of `edgeopt solve FILE --method METHOD` until HiGHS runs for the first time, medians of "
            f"{repeats} runs. *python*: the interpreter starts; *import*: all imports, also late ones; *read*: the "
            "file is read and checked; *build*: the formulation in Pyomo; *hand over*: standard form and HiGHS's copy. "
            "*overhead* is their sum; the goal is 0.4 s. That first run is on the small specimen on which a method is "
            "rehearsed: what the instance itself needs before its solver comes on top. The method's own work before "
            "its first call of the solver (reducing the instance, heuristics) is not overhead. The last column is "
            "wall time.",
            table(header, rows),
        ],
    )


if __name__ == "__main__":
    main()

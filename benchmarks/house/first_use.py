"""What each method compiles at its first use: CPU seconds of its rehearsal with cold kernels, for each kind."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import Any

from benchmarks.measure import Run, arguments_on_a_quiet_machine, fresh, table, write_results
from edgeopt.method import find_method, methods
from edgeopt.problems import PROBLEMS, find_problem

Row = tuple[str, str, str, int, float, float]  # problem, method, kind, kernels, seconds of compiling, and of the rest


def rehearsed(problem: str, method: str, number: int) -> tuple[int, float, float]:
    """Rehearse a method on the kind of this number; return functions compiled, CPU seconds of that, and of the rest."""
    from numba.core import event

    from edgeopt.rehearsal import rehearse_kind

    class Compiling(event.Listener):
        """Counts compiled functions, and the seconds of those that no other function asked for."""

        def __init__(self) -> None:
            self.functions, self.depth, self.began_s, self.seconds = 0, 0, 0.0, 0.0

        def on_start(self, event: Any) -> None:
            self.functions += 1
            self.depth += 1
            if self.depth == 1:
                self.began_s = time.thread_time()

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if self.depth == 0:
                self.seconds += time.thread_time() - self.began_s

    compiling = Compiling()
    kind = list(find_problem(problem).part("specimens").KINDS)[number]
    began_s = time.process_time()
    with event.install_listener("numba:compile", compiling):
        rehearse_kind(find_method(problem, method), kind)
    return compiling.functions, compiling.seconds, time.process_time() - began_s - compiling.seconds


def cold(problem: str, method: str, number: int) -> Run:
    """Rehearse in a fresh process whose kernels are in no cache."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder  # the fresh process takes it over
        return fresh(rehearsed, problem, method, number)


def words(kind: Any) -> str:
    """Return a kind in words."""
    return kind if isinstance(kind, str) else ", ".join(str(word) for word in kind if isinstance(word, str))


def measured(problem: str, method: str) -> Row:
    """One row: the kind of instance for which a method compiles longest."""
    rows: list[Row] = []
    for number, kind in enumerate(find_problem(problem).part("specimens").KINDS):
        run = cold(problem, method, number)
        if run.failure:
            raise RuntimeError(f"{problem} {method} {kind}: {run.failure}")
        name = words(kind) + (", weights" if kind[-1] is True else "")
        rows.append((problem, method, name, *run.result))
    return max(rows, key=lambda row: row[4])


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", choices=PROBLEMS, help="print rows of one problem, and write no page")
    only = arguments_on_a_quiet_machine(parser).problem
    rows = []
    for problem in [only] if only else PROBLEMS:
        for name, method in methods(problem).items():
            if method.own:
                rows.append(measured(problem, name))
                print(*rows[-1], flush=True)
    if only:
        return
    header = ["problem", "method", "kind of instance", "functions", "compiling", "imports and run"]
    write_results(
        __file__,
        "What a first use compiles",
        [
            "CPU seconds of the rehearsal that comes before a method's clock, in a fresh process without compiled "
            "kernels: one row a method, for the kind of instance for which it compiles longest. *Functions* are all "
            "that numba compiles, also its own; *imports and run* are late imports and the small run itself. "
            "Target: at most 5 s of compiling.",
            table(header, rows),
        ],
    )


if __name__ == "__main__":
    main()

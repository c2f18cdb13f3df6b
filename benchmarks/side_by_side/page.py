"""One page for each problem: edgeopt beside the stock tools, each run in a fresh process with the same limit."""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.measure import Run, arguments_on_a_quiet_machine, fresh, solved, table, write_results
from benchmarks.side_by_side.tools import TOOLS, answer
from edgeopt import read
from edgeopt.certificates import check
from edgeopt.instance import Instance
from edgeopt.solution import relative_gap

INSTANCES = Path(__file__).parents[2] / "instances"
THREADS = 2
OURS = ("auto", "exact")
HEADER = [
    "who",
    "data CPU s",
    "build CPU s",
    "solve CPU s",
    "all CPU s",
    "wall s",
    "objective",
    "bound",
    "gap",
    "status",
]
INTRODUCTION = """
Each run has {limit:g} s of wall time and {threads} threads (SCIP has one), and ends at a relative gap of 1e-9. The
limit of edgeopt holds for the whole call; that of a stock tool is its solver's, data and building come on top. *data*:
what all models need (routes, rates, loads), by edgeopt's own code; *build*: stating the model in the tool's language;
*solve*: the tool's call, with handing the model to the solver; *all*: with imports and the check. Of edgeopt there is
one figure for all. Objectives are the checker's, after the plan was read back; bounds are the solver's own. Compare
CPU seconds: on a busy machine the limit of wall time holds fewer of them.
""".strip()


def answered(name: str, tool: str, instance: Instance, limit_s: float) -> dict[str, Any]:
    """Run a tool and check its plan, in a process of its own."""
    textbook = import_module(name)
    got = answer(textbook, tool, instance, limit_s, THREADS)
    status, objective = got.status, None
    if got.values is not None:
        report = check(instance, textbook.read_plan(textbook.prepare(instance), got.values))
        objective = report.objective
        if report.violations:
            status += f"; the checker: {report.violations[0]}"
    return {
        "times": [got.prepare_s, got.build_s, got.solve_s],
        "objective": objective,
        "bound": got.bound,
        "status": status,
    }


def tool_row(tool: str, run: Run) -> list[Any]:
    """Lay out the run of a stock tool."""
    if run.result is None:
        absent = run.failure.startswith("ModuleNotFoundError")
        return [tool, *[None] * 8, "not installed" if absent else run.failure]
    found = run.result
    return [
        tool,
        *found["times"],
        run.cpu_s,
        run.wall_s,
        *_quality(found["objective"], found["bound"]),
        found["status"],
    ]


def own_row(method: str, run: Run) -> list[Any]:
    """Lay out a run of edgeopt."""
    if run.result is None:
        return [f"edgeopt `{method}`", *[None] * 3, run.cpu_s, run.wall_s, *[None] * 3, run.failure]
    solution = run.result
    who = f"edgeopt `{method}`" + (f" ({solution.method})" if method == "auto" else "")
    quality = _quality(solution.objective, solution.bound)
    return [who, *[None] * 3, run.cpu_s, run.wall_s, *quality, str(solution.status)]


def _quality(objective: Any, bound: Any) -> list[Any]:
    gap = relative_gap(objective, bound)
    shown = [None if value is None else f"{value:.7g}" for value in (objective, bound)]
    return [*shown, None if gap is None else f"{max(0.0, gap):.2%}"]


def main(textbook: ModuleType, problem: str) -> None:
    """Measure, and write the page of a problem."""
    parser = argparse.ArgumentParser(description=textbook.__doc__)
    parser.add_argument("--time-limit", type=float, default=15.0, help="seconds for each run")
    parser.add_argument("--cases", type=int, default=len(textbook.CASES), help="the first so many; fewer write nothing")
    arguments = arguments_on_a_quiet_machine(parser)
    limit = arguments.time_limit
    for method in OURS:  # compiles the kernels, untimed
        solved(read(INSTANCES / problem / f"{textbook.CASES[0]}.json"), method, time_limit=limit)
    sections = []
    for case in textbook.CASES[: arguments.cases]:
        instance = read(INSTANCES / problem / f"{case}.json")
        rows = [own_row(method, solved(instance, method, time_limit=limit, threads=THREADS)) for method in OURS]
        for tool in TOOLS:
            run = fresh(answered, textbook.__name__, tool, instance, limit, limit_s=4 * limit)
            rows.append(tool_row(tool, run))
        print(case, *rows, sep="\n", flush=True)
        sections += [f"## {case}", table(HEADER, rows)]
    if arguments.cases < len(textbook.CASES):
        return
    extras = ", ".join(f"{name} {version(name)}" for name in ("linopy", "pyscipopt") if find_spec(name))
    write_results(
        textbook.__file__ or "",
        f"Side by side: {problem}",
        [
            INTRODUCTION.format(limit=limit, threads=THREADS),
            f"Also {extras or 'no extras'}. The instances are those of `instances/{problem}`. "
            f"The textbook model: {(textbook.__doc__ or '').strip()}",
            *sections,
        ],
    )

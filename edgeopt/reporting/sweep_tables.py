"""The tables of a sweep: methods, instances, runs."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING, Any

from edgeopt.experiments import measured_heading, summary, with_integrals
from edgeopt.quantities import NOTHING, number, percent, quantity
from edgeopt.reporting.markup import Markup, tag
from edgeopt.reporting.page import card
from edgeopt.reporting.sweep_provenance import limits_text
from edgeopt.reporting.tables import Cell, Column, TableRow, table, without_empty
from edgeopt.solution import relative_gap, status_text

if TYPE_CHECKING:
    import pandas as pd

MOST_RUNS = 3000  # a longer table would make the page slow


def method_labels(runs: pd.DataFrame) -> pd.Series[str]:
    """Name each run's method; with its limits where a method was run under several."""
    if runs.groupby("method")["options"].nunique().max() <= 1:
        return runs["method"]
    return runs["method"] + ", " + runs["options"].map(limits_text)


def methods_table(problem: str, runs: pd.DataFrame, history: pd.DataFrame) -> Markup:
    """Return the summary of all runs of each method and set of limits."""
    counts = ("proved", "with_plan", "timeouts", "refused", "failed")
    measures = {
        "mean_time_s": (
            "time",
            "shifted geometric mean; a run that did not end by itself counts at the limit",
            _seconds,
        ),
        "mean_proof_s": ("to proof", "shifted geometric mean; a run without proof counts at the limit", _seconds),
        "mean_primal_gap": ("gap", "mean primal gap to the optimum or the best known; no plan counts 100 %", _percent),
        "mean_bound_gap": (
            "bound gap",
            "mean gap of the bound to the optimum or the best known; no bound: 100 %",
            _percent,
        ),
        "mean_primal_integral_s": ("primal integral", "mean of the primal gap over time; smaller is better", _seconds),
        "mean_bound_integral_s": ("bound integral", "mean of the bound's gap over time; smaller is better", _seconds),
    }
    columns = [
        Column("method"),
        Column("limit", "seconds for each run", True),
        Column("threads", numeric=True),
        Column("finished", "runs that have finished, of the requested ones", True),
        *(Column(name.replace("_", " "), numeric=True) for name in counts),
        *(Column(heading, note, True) for heading, note, _ in measures.values()),
    ]
    rows = []
    for line in summary(with_integrals(runs, history)).to_dict("records"):
        cells = [
            Cell(line["method"]),
            _seconds(line["time_limit_s"]),
            Cell(str(line["threads"]), line["threads"]),
            Cell(f"{line['finished']} of {line['requested']}", line["finished"]),
            *(Cell(str(line[name]), line[name]) for name in counts),
            *(write(line[key]) for key, (_, _, write) in measures.items()),
        ]
        rows.append(TableRow(cells))
    caption = f"Methods on {problem}, over all runs"
    note = "Means over all finished runs: what was not reached counts at the limit, a missing plan as a gap of 100 %."
    return card("Methods", table(f"{problem}-methods", caption, *without_empty(columns, rows)), note=note)


def instances_table(problem: str, runs: pd.DataFrame) -> Markup:
    """Return what all runs together know of each instance."""
    columns = [
        Column("instance"),
        Column(f"best {measured_heading(runs)}", "of all runs", True),
        Column("best bound", "of all runs", True),
        Column("gap", "between best objective and best bound", True),
        Column("best known", "from the file of best known values", True),
        Column("proved", "runs that proved, of all", True),
        Column("first proof", "of the fastest run that proved", True),
        Column("found by", "the method that found the best first"),
        Column("state"),
    ]
    rows = [_instance_row(group) for _, group in runs.groupby("instance_sha256", sort=False)]
    caption = f"Instances of {problem} and what is known of them"
    return card("Instances", table(f"{problem}-instances", caption, *without_empty(columns, rows)))


def _instance_row(runs: pd.DataFrame) -> TableRow:
    first = runs.iloc[0]
    proofs = runs[runs["status"].isin(("optimal", "infeasible"))]
    best = runs[runs["objective"] == first["best_found"]].sort_values("wall_s")
    if len(best):
        state = "open" if isnan(first["optimum"]) else "optimum proven"
        state = "contradiction" if first["contradicted"] else state
    else:
        state = "infeasible" if len(proofs) else "no plan"
    cells = [
        Cell(first["instance"]),
        *(_value(first[name]) for name in ("best_found", "best_bound")),
        _percent(relative_gap(first["best_found"], first["best_bound"])),
        _value(first["best_known"]),
        Cell(f"{len(proofs)} of {len(runs)}", len(proofs)),
        _seconds(proofs["wall_s"].min()),
        Cell(str(best["method"].iloc[0]) if len(best) else NOTHING),
        Cell(state),
    ]
    return TableRow(cells, state)


def runs_table(problem: str, runs: pd.DataFrame) -> Markup:
    """Return all runs, unless they are too many for a page."""
    if len(runs) > MOST_RUNS:
        note = f"{len(runs)} runs are too many for a page; `edgeopt results` writes them as a table file."
        return card("All runs", tag("p", note))
    columns = [
        Column("instance"),
        Column("method"),
        Column("limits"),
        Column("seed", numeric=True),
        Column(measured_heading(runs), "the checker's value of the plan", True),
        Column("bound", "proven: no plan is better", True),
        Column("gap", "between objective and the run's own bound", True),
        Column("to best found", "between objective and the best objective of all runs", True),
        Column("to best known", "negative: better than the best known", True),
        Column("time", "wall-clock time", True),
        Column("set-up", "importing, compiling and loading the method: no part of its time", True),
        Column("status"),
        Column("why", "why there is no solution"),
    ]
    several = runs["options"].nunique() > 1
    rows = [_run_row(run, several) for run in runs.to_dict("records")]
    return card("All runs", table(f"{problem}-runs", f"All runs on {problem}", *without_empty(columns, rows)))


def _run_row(run: Mapping[Any, Any], several_limits: bool) -> TableRow:
    status = run["status"]
    words = status_text(status, run["stopped"])
    shown = tag("span", words, class_=f"status {status}")
    error = run["error"] or ""
    used = run["method_used"]
    method = run["method"] if used in (None, run["method"]) else f"{run['method']} ({used})"
    cells = [
        Cell(run["instance"]),
        Cell(method),
        Cell(limits_text(run["options"]) if several_limits else ""),
        Cell(str(run["seed"]), run["seed"]),
        *(_value(run[name]) for name in ("objective", "bound")),
        *(_percent(run[name]) for name in ("gap", "gap_to_best_found", "gap_to_best_known")),
        _seconds(run["wall_s"]),
        _seconds(run["setup_s"]),
        Cell(shown, words),
        Cell(tag("span", error, class_="why", title=error), error) if error else Cell(""),
    ]
    return TableRow(cells, status)


def _value(value: float) -> Cell:
    if isnan(value):
        return Cell(NOTHING)
    whole = int(value) if value.is_integer() and abs(value) < 1e15 else value
    return Cell(number(whole), whole)


def _percent(value: float | None) -> Cell:
    return Cell(NOTHING) if value is None or isnan(value) else Cell(percent(value), float(value))


def _seconds(value: float) -> Cell:
    return Cell(NOTHING) if isnan(value) else Cell(quantity(value, "s"), float(value))

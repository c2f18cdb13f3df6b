"""The report of a sweep: outcomes of its runs, profiles, instances, all runs, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeopt.reporting.markup import Markup, join, tag
from edgeopt.reporting.page import card, page, tile
from edgeopt.reporting.sweep_charts import outcomes, profiles
from edgeopt.reporting.sweep_provenance import what_was_run
from edgeopt.reporting.sweep_tables import instances_table, methods_table, runs_table

if TYPE_CHECKING:
    import pandas as pd

LISTED_FAILURES = 20


@dataclass(frozen=True)
class SweepResults:
    """The results of a sweep.

    Attributes
    ----------
    name : str
        Name of the results file.
    runs, history, suites : pandas.DataFrame
        As `read_results`, `read_history` and `read_suites` give them.
    """

    name: str
    runs: pd.DataFrame
    history: pd.DataFrame
    suites: pd.DataFrame


def sweep_page(results: SweepResults, facts: Mapping[str, str]) -> str:
    """Return the report of a sweep as one HTML page.

    Parameters
    ----------
    results : SweepResults
        With at least one run.
    facts : mapping of str to str
        What else is known of how it was made, such as the command.
    """
    runs = results.runs
    title = f"{results.name}: {len(runs)} runs"
    problems = list(runs.groupby("problem", sort=False))
    parts = [_problem_part(str(name), group, results.history) for name, group in problems]
    content = [
        tag("p", "sweep", class_="eyebrow"),
        tag("h1", ", ".join(dict.fromkeys(results.suites["name"])) or results.name),
        tag("p", _verdict(runs), class_="verdict"),
        _failures(runs),
        _tiles(runs),
        *parts,
        what_was_run(results.name, runs, results.suites, facts),
    ]
    return page(title, join(content))


def _problem_part(problem: str, runs: pd.DataFrame, history: pd.DataFrame) -> Markup:
    own = history[history["run"].isin(runs["run"])]
    return tag(
        "section",
        tag("h2", problem, class_="problem"),
        methods_table(problem, runs, own),
        outcomes(problem, runs),
        tag("div", *profiles(problem, runs, own), class_="pair"),
        instances_table(problem, runs),
        runs_table(problem, runs),
    )


def _counts(runs: pd.DataFrame) -> dict[str, int]:
    return {str(status): int(count) for status, count in runs["status"].value_counts().items()}


def _verdict(runs: pd.DataFrame) -> str:
    counts = _counts(runs)
    pending = counts.get("pending", 0)
    finished = (
        f"All {len(runs)} runs have finished"
        if not pending
        else f"{len(runs) - pending} of {len(runs)} runs have finished"
    )
    counts_in_words = [f"{counts.get('optimal', 0)} proved their plan optimal"]
    for status, words in (
        ("infeasible", "proved that there is no plan"),
        ("refused", "were refused"),
        ("failed", "failed"),
    ):
        if counts.get(status):
            counts_in_words.append(f"{counts[status]} {words}")
    return f"{finished}: {', '.join(counts_in_words)}."


def _tiles(runs: pd.DataFrame) -> Markup:
    solved = runs.groupby("instance_sha256")["optimum"].max().notna()
    counts = _counts(runs)
    without = [f"{counts[status]} {status}" for status in ("failed", "refused", "pending") if counts.get(status)]
    tiles = [
        tile("runs", str(len(runs)), ", ".join(without) or "all finished"),
        tile("instances", str(len(solved)), f"optimum proven of {int(solved.sum())}"),
        tile("methods", str(len(runs[["problem", "method"]].drop_duplicates()))),
        tile("seeds", str(runs["seed"].nunique())),
    ]
    return tag("dl", *tiles, class_="tiles")


def _failures(runs: pd.DataFrame) -> Markup | None:
    failed = runs[runs["status"] == "failed"].to_dict("records")
    if not failed:
        return None
    lines = [f"{run['method']} on {run['instance']}, seed {run['seed']}: {run['error']}" for run in failed]
    if len(lines) > LISTED_FAILURES:
        lines[LISTED_FAILURES:] = [f"and {len(lines) - LISTED_FAILURES} more, in the table of all runs"]
    listed = tag("ul", *(tag("li", line) for line in lines))
    return card("Failed runs", listed, class_="card alert")

"""Reports as one HTML file each, which works without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeopt.comparison import Comparison
from edgeopt.errors import UsageError
from edgeopt.files import write_text


def write_comparison_report(
    path: str | Path, comparisons: Sequence[Comparison], facts: Mapping[str, str] | None = None
) -> None:
    """Write the report of comparisons as an HTML file, whole or not at all.

    Parameters
    ----------
    path : path
    comparisons : sequence of Comparison
    facts : mapping of str to str, optional
        What else is known of how they were made, such as the command.
    """
    from edgeopt.experiments.machine import machine
    from edgeopt.reporting.comparison_page import comparison_page

    write_text(path, comparison_page(comparisons, {**(facts or {}), "machine": machine()}))


def write_sweep_report(
    path: str | Path,
    results: str | Path,
    *,
    best_known: Mapping[str, float] | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write the report of a sweep as an HTML file, whole or not at all; the sweep may still be running.

    Parameters
    ----------
    path : path
    results : path
        Results file of the sweep.
    best_known : mapping of str to float, optional
        Best known objective by the instance's SHA-256, as `read_best_known` gives it.
    facts : mapping of str to str, optional
        What else is known of how it was made, such as the command.

    Raises
    ------
    UsageError
        The file is not a results file, or holds no runs.
    """
    from edgeopt.experiments import read_history, read_results, read_suites
    from edgeopt.experiments.results import read_instances
    from edgeopt.reporting.sweep_labels import instance_labels
    from edgeopt.reporting.sweep_page import SweepResults, sweep_page

    runs = read_results(results, best_known)
    if runs.empty:
        raise UsageError(f"{results}: there are no runs to report on")
    labels = instance_labels(read_instances(results))
    runs = runs.assign(instance=runs["instance_sha256"].map(labels))
    contents = SweepResults(Path(results).name, runs, read_history(results), read_suites(results))
    write_text(path, sweep_page(contents, facts or {}))

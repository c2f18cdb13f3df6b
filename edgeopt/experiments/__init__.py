"""Comparisons at scale: suites of instances x methods x seeds, run, stored and summarised."""

from edgeopt.experiments.results import (
    check_results,
    read_history,
    read_instance,
    read_instances,
    read_results,
    read_solution,
    read_suites,
)

__all__ = [
    "check_results",
    "read_history",
    "read_instance",
    "read_instances",
    "read_results",
    "read_solution",
    "read_suites",
]

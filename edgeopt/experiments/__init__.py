"""Comparisons at scale: suites of instances x methods x seeds, run, stored and summarised."""

from edgeopt.experiments.aggregates import common_cases, run_times, shifted_geometric_mean, summary
from edgeopt.experiments.best_known import read_best_known
from edgeopt.experiments.contradictions import contradictions
from edgeopt.experiments.export import export
from edgeopt.experiments.figures import plot_profile
from edgeopt.experiments.integrals import with_integrals
from edgeopt.experiments.profiles import Profile, performance_profile
from edgeopt.experiments.results import (
    check_results,
    read_history,
    read_instance,
    read_instances,
    read_results,
    read_solution,
    read_suites,
)
from edgeopt.experiments.studies import losses, measured_heading, optimum_table, plot_study, study_table
from edgeopt.experiments.suite import Suite
from edgeopt.experiments.sweeping import SweepProgress, sweep
from edgeopt.experiments.tables import pivot, table_text, write_table
from edgeopt.experiments.times import proof_times, target_times

__all__ = [
    "Profile",
    "Suite",
    "SweepProgress",
    "check_results",
    "common_cases",
    "contradictions",
    "export",
    "losses",
    "measured_heading",
    "optimum_table",
    "performance_profile",
    "pivot",
    "plot_profile",
    "plot_study",
    "proof_times",
    "read_best_known",
    "read_history",
    "read_instance",
    "read_instances",
    "read_results",
    "read_solution",
    "read_suites",
    "run_times",
    "shifted_geometric_mean",
    "study_table",
    "summary",
    "sweep",
    "table_text",
    "target_times",
    "with_integrals",
    "write_table",
]

"""The charts of a sweep: outcomes of the runs, and performance profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeopt.experiments import performance_profile, target_times
from edgeopt.reporting.bars_chart import bars_chart
from edgeopt.reporting.markup import Markup, tag
from edgeopt.reporting.page import card
from edgeopt.reporting.profile_chart import profile_chart
from edgeopt.reporting.sweep_provenance import limits_text
from edgeopt.reporting.sweep_tables import method_labels

if TYPE_CHECKING:
    import pandas as pd

OUTCOMES = {
    "proved": ("optimal", "infeasible"),
    "feasible": ("feasible",),
    "unknown": ("unknown",),
    "refused": ("refused",),
    "failed": ("failed",),
    "pending": ("pending",),
}
TARGET_GAP = 0.01


def outcomes(problem: str, runs: pd.DataFrame) -> Markup:
    """Draw how many runs of each method proved, found a plan, found none, were refused, failed, or are pending."""
    rows = []
    for label, group in runs.groupby(method_labels(runs), sort=False):
        counts = {kind: int(group["status"].isin(statuses).sum()) for kind, statuses in OUTCOMES.items()}
        rows.append((str(label), counts))
    rows.sort(key=lambda row: (-row[1]["proved"], -row[1]["feasible"]))
    present = [kind for kind in OUTCOMES if any(counts[kind] for _, counts in rows)]
    key = [tag("li", _square(kind), kind) for kind in present]
    chart = bars_chart(f"{problem}-outcomes", f"What became of the runs of each method on {problem}", rows)
    note = "Runs of each method; those that prove most come first."
    return card("What became of the runs", tag("ul", *key, class_="key"), chart, note=note)


def profiles(problem: str, runs: pd.DataFrame, history: pd.DataFrame) -> list[Markup]:
    """Draw performance profiles of the time to proof and to a good plan, for each set of limits."""
    goals = {
        "Time to proof": ("proof", None),
        f"Time to within {TARGET_GAP:.0%} of the best": ("target", target_times(runs, history, TARGET_GAP)),
    }
    cards = []
    for number, (limits, group) in enumerate(_comparable(runs)):
        for heading, (goal, times) in goals.items():
            profile = performance_profile(group, None if times is None else times[group.index])
            if not profile.cases or not (profile.curves.iloc[-1] > 0).any():
                continue
            note = f"Part of {profile.cases} cases that a method gets there, within a multiple of the fastest time."
            if profile.left_out:
                note += f" {profile.left_out} more are left out: not finished by every method."
            identifier = f"{problem}-{goal}-{number}"
            cards.append(
                card(heading + limits, profile_chart(identifier, f"{heading} on {problem}", profile), note=note)
            )
    return cards


def _comparable(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the runs in groups in which no method stands twice on a case, with what distinguishes the groups."""
    if not runs.duplicated(["instance_sha256", "seed", "method"]).any():
        return [("", runs)] if runs["method"].nunique() > 1 else []
    groups = [(f", {limits_text(str(options))}", group) for options, group in runs.groupby("options", sort=False)]
    return [(limits, group) for limits, group in groups if group["method"].nunique() > 1]


def _square(kind: str) -> Markup:
    return tag("svg", tag("rect", width=11, height=11, class_=f"part {kind}"), width=11, height=11, aria_hidden="true")

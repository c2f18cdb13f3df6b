"""The file of best known values, and how a sweep's results improve it: only through the checker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edgeopt.certificates import check
from edgeopt.errors import Finding, ProgramError
from edgeopt.experiments.gaps import senses
from edgeopt.experiments.results import read_instance, read_solution
from edgeopt.files import format_json, read_json, write_text
from edgeopt.frozen import DictOf
from edgeopt.problems import PROBLEMS
from edgeopt.record import Record
from edgeopt.solution import Plan, Solution, crosses

if TYPE_CHECKING:
    import pandas as pd

SAME = 1e-9
BEST_KNOWN_FORMAT: Literal["edgeopt-best-known/1"] = "edgeopt-best-known/1"

Verdict = Literal["new", "better", "tighter", "as known", "worse", "no plan", "contradiction"]


class Provenance(Record):
    """The provenance of a value: where it comes from.

    Attributes
    ----------
    method : str
    seed : int
    date : str
        UTC, as 2026-11-21.
    time_limit_s : float or None
        Limit of the run.
    machine : str
        The machine in neutral words.
    versions : dict of str to str
        Versions of the packages that matter.
    plan_sha256 : str or None
        SHA-256 of the plan as canonical JSON (sorted keys, no spaces); None for a bound.
    """

    method: str
    seed: int
    date: str
    time_limit_s: float | None
    machine: str
    versions: DictOf[str, str]
    plan_sha256: str | None = None


class BestKnown(Record):
    """The best known values of one instance.

    Attributes
    ----------
    problem : str
    sha256 : str
        Hash of the instance's content.
    objective : int or float
        The checker's value of the best plan.
    bound : int or float or None
        The tightest bound that was certified.
    found : Provenance
        Where the objective comes from.
    bounded : Provenance or None
        Where the bound comes from.
    """

    problem: str
    sha256: str
    objective: int | float
    bound: int | float | None
    found: Provenance
    bounded: Provenance | None


class BestKnownFile(Record):
    """Best known values.

    Attributes
    ----------
    instances : dict of str to BestKnown
        By problem and name of the instance: ``"loading/tiny"``.
    """

    format: Literal["edgeopt-best-known/1"] = BEST_KNOWN_FORMAT
    instances: DictOf[str, BestKnown]

    def findings(self) -> Iterator[Finding]:
        for name, entry in self.instances.items():
            place = f"$.instances.{name}"
            if entry.problem not in PROBLEMS:
                yield Finding(f"{place}.problem", f"there is no problem {entry.problem!r}", ", ".join(PROBLEMS))
            elif _crosses(entry.problem, entry.objective, entry.bound):
                yield Finding(f"{place}.bound", f"the bound {entry.bound} crosses the objective {entry.objective}")

    @classmethod
    def read(cls, path: str | Path) -> BestKnownFile:
        """Read a file; one that is not there holds nothing.

        Raises
        ------
        InputError
            It is no such file.
        """
        return cls.from_dict(read_json(path), path) if Path(path).exists() else cls(instances={})

    def write(self, path: str | Path) -> None:
        """Write the file, sorted by name."""
        data = self.model_dump(mode="json")
        data["instances"] = dict(sorted(data["instances"].items()))
        write_text(path, format_json(data))

    def by_hash(self) -> dict[str, BestKnown]:
        """Return the entries by the instances' SHA-256."""
        return {entry.sha256: entry for entry in self.instances.values()}


def plan_sha256(plan: Plan) -> str:
    """Return the SHA-256 of a plan as canonical JSON."""
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class BestKnownComparison:
    """The best values of a sweep's runs of one instance beside the best known ones.

    Attributes
    ----------
    name : str
        Problem and instance: ``"loading/tiny"``.
    sha256 : str
    known : BestKnown or None
    plan_run, bound_run : int or None
        Runs with the best plan and with the best bound.
    objective, bound : float or None
        Theirs.
    verdict : str
        ``"new"``, ``"better"`` (plan), ``"tighter"`` (bound), ``"as known"``, ``"worse"``, ``"no plan"`` or
        ``"contradiction"``: bound and plan of the two sides cross.
    """

    name: str
    sha256: str
    known: BestKnown | None
    plan_run: int | None
    bound_run: int | None
    objective: float | None
    bound: float | None
    verdict: Verdict


def compare_with_known(frame: pd.DataFrame, known: BestKnownFile) -> list[BestKnownComparison]:
    """Compare the best of each instance's runs with what is known; instances without a finished run are left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns.
    known : BestKnownFile
    """
    entries, comparisons = known.by_hash(), []
    frame = frame[frame["status"] != "pending"]
    frame = frame.assign(sense=senses(frame))
    for sha256, runs in frame.groupby("instance_sha256", sort=False):
        first = runs.iloc[0]
        plan = _extreme(runs, first.sense * runs["objective"])
        bound = _extreme(runs, -first.sense * runs["bound"])
        entry = entries.get(str(sha256))
        values = (None if plan is None else float(plan["objective"]), None if bound is None else float(bound["bound"]))
        comparisons.append(
            BestKnownComparison(
                name=f"{first['problem']}/{first['instance']}",
                sha256=str(sha256),
                known=entry,
                plan_run=None if plan is None else int(plan["run"]),
                bound_run=None if bound is None else int(bound["run"]),
                objective=values[0],
                bound=values[1],
                verdict=_verdict(first["problem"], entry, *values),
            )
        )
    return comparisons


def _extreme(runs: pd.DataFrame, score: pd.Series[float]) -> Any:
    return None if score.isna().all() else runs.iloc[int(np.nanargmax(score.to_numpy(float)))]


def _crosses(problem: str, objective: float | None, bound: float | None) -> bool:
    whole = all(value is None or value % 1 == 0 for value in (objective, bound))  # weights need not be
    return crosses(objective, bound, maximize=PROBLEMS[problem].maximize, integral=PROBLEMS[problem].integral and whole)


def _better(first: float | None, second: float | None, sense: float) -> bool:
    """Say whether `first` is larger (sense 1) or smaller (sense -1) than `second` by more than rounding."""
    if first is None or second is None:
        return first is not None
    return sense * (first - second) > SAME * max(abs(first), abs(second))


def _verdict(problem: str, entry: BestKnown | None, objective: float | None, bound: float | None) -> Verdict:
    sense = 1 if PROBLEMS[problem].maximize else -1
    known, known_bound = (None, None) if entry is None else (entry.objective, entry.bound)
    if (
        _crosses(problem, objective, bound)
        or _crosses(problem, objective, known_bound)
        or _crosses(problem, known, bound)
    ):
        return "contradiction"
    if objective is None:
        return "no plan"
    if known is None:
        return "new"
    if _better(objective, known, sense):
        return "better"
    if _better(bound, known_bound, -sense):
        return "tighter"
    return "worse" if _better(known, objective, sense) else "as known"


def improved(results: str | Path, frame: pd.DataFrame, known: BestKnownFile) -> BestKnownFile:
    """Take over what is new, better or tighter; every plan passes the checker first.

    Parameters
    ----------
    results : path
        Results file of `sweep`.
    frame : pandas.DataFrame
        Its runs, of `read_results`.
    known : BestKnownFile

    Raises
    ------
    ProgramError
        A plan fails the check, or plans and bounds contradict each other.
    """
    compared = compare_with_known(frame, known)
    contradicted = [comparison.name for comparison in compared if comparison.verdict == "contradiction"]
    if contradicted:
        raise ProgramError(f"bounds and plans contradict each other: {', '.join(contradicted)}; nothing is updated")
    entries = dict(known.instances)
    rows: dict[Any, Any] = {row.run: row for row in frame.itertuples()}
    for comparison in compared:
        if comparison.verdict in ("new", "better", "tighter"):
            old_names = [name for name, entry in entries.items() if entry.sha256 == comparison.sha256]
            entries[old_names[0] if old_names else comparison.name] = _improved(results, rows, comparison)
    return BestKnownFile(instances=entries)


def _improved(results: str | Path, rows: Mapping[Any, Any], comparison: BestKnownComparison) -> BestKnown:
    known = comparison.known
    problem = comparison.name.split("/", 1)[0]
    sense = 1 if PROBLEMS[problem].maximize else -1
    assert comparison.plan_run is not None
    if known is None or _better(comparison.objective, known.objective, sense):
        solution = _checked(results, comparison.plan_run)
        objective, provenance = solution.objective, _provenance(rows[comparison.plan_run], solution.plan)
    else:
        objective, provenance = known.objective, known.found
    assert objective is not None
    bound, bounded = (None, None) if known is None else (known.bound, known.bounded)
    if comparison.bound_run is not None and (bound is None or _better(comparison.bound, bound, -sense)):
        bound = read_solution(results, comparison.bound_run).bound
        bounded = _provenance(rows[comparison.bound_run], None)
    return BestKnown(
        problem=problem, sha256=comparison.sha256, objective=objective, bound=bound, found=provenance, bounded=bounded
    )


def _checked(results: str | Path, run: int) -> Solution:
    solution = read_solution(results, run)
    report = check(read_instance(results, solution.instance_sha256), solution)
    if report.violations:
        raise ProgramError(f"the plan of run {run} fails the check: {report.violations[0]}; nothing is updated")
    return solution


def _provenance(row: Any, plan: Plan | None) -> Provenance:
    limit = float(row.time_limit_s)
    return Provenance(
        method=str(row.method_used),
        seed=int(row.seed),
        date=str(row.begun_at)[:10],
        time_limit_s=None if np.isnan(limit) else limit,
        machine=str(row.machine),
        versions=json.loads(row.versions),
        plan_sha256=None if plan is None else plan_sha256(plan),
    )

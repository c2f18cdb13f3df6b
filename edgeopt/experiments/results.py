"""Results of sweeps as pandas frames, and back as instances and solutions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeopt.certificates import check
from edgeopt.errors import UsageError
from edgeopt.experiments.gaps import with_gaps
from edgeopt.experiments.store import PENDING, clear_errors, connect, unpacked
from edgeopt.instance import Instance, instance_from_dict
from edgeopt.solution import CheckReport, Solution, relative_gap
from edgeopt.variations import table_value

if TYPE_CHECKING:
    import pandas as pd

RUNS = f"""
SELECT run, problem, measure, unit, name AS instance, instance_sha256, method, method_used, seed,
    coalesce(status, '{PENDING}') AS status, stopped, objective, bound, wall_s, setup_s, cpu_s, peak_bytes, begun_at,
    machine, versions, message, error, options, arguments
FROM runs JOIN instances ON instance_sha256 = sha256 ORDER BY run
"""
NUMERIC_COLUMNS = ("objective", "bound", "wall_s", "setup_s", "cpu_s", "peak_bytes")
TEXTS = ("method_used", "stopped", "begun_at", "machine", "versions", "message", "error")
OPTIONS = ("time_limit_s", "iteration_limit", "gap_limit", "threads")


def _query(path: str | Path, statement: str, *parameters: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    with closing(connect(Path(path))) as connection, clear_errors(Path(path)):
        cursor = connection.execute(statement, parameters)
        return [column[0] for column in cursor.description], cursor.fetchall()


def _frame(path: str | Path, statement: str) -> pd.DataFrame:
    import pandas as pd

    columns, rows = _query(path, statement)
    return pd.DataFrame(rows, columns=columns)


def read_results(path: str | Path, best_known: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Read the runs of a results file, one row for each requested run.

    Parameters
    ----------
    path : path
        Results file of `sweep`; it may still be written to.
    best_known : mapping of str to float, optional
        Best known objective by the instance's SHA-256, as `read_best_known` gives it.

    Returns
    -------
    pandas.DataFrame
        `edgeopt.experiments.columns` says what its columns mean; each varied key and each argument of a generator has
        one, too. Requested runs that have not finished have the status ``"pending"``. What is not there is NaN or None,
        never 0.

    Raises
    ------
    UsageError
        The file is not a results file.
    """
    frame = _frame(path, RUNS)
    for column in NUMERIC_COLUMNS:
        frame[column] = frame[column].astype(float)
    for column in TEXTS:  # pandas would write a missing text as NaN in one column and as None in another
        frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
    options = [json.loads(text) for text in frame["options"]]
    for column in OPTIONS:
        frame[column] = [float("nan") if row.get(column) is None else float(row[column]) for row in options]
    arguments = frame.pop("arguments")
    return _with_arguments(with_gaps(frame, best_known or {}), [json.loads(text) for text in arguments])


def _with_arguments(frame: pd.DataFrame, arguments: list[dict[str, Any]]) -> pd.DataFrame:
    """Add a column for each argument of a generator and each varied key, ``drawn_...`` where the name is taken."""
    import pandas as pd

    names = dict.fromkeys(name for row in arguments for name in row)
    added = {
        f"drawn_{name}" if name in frame else name: [table_value(row.get(name)) for row in arguments] for name in names
    }
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1) if added else frame


def read_history(path: str | Path) -> pd.DataFrame:
    """Read incumbents and bounds over time, one row whenever one of them improved.

    Returns
    -------
    pandas.DataFrame
        Columns ``run``, ``elapsed_s``, ``objective`` and ``bound`` (NaN: none yet). The incumbents are as the method
        reported them while it ran; only the objective in `read_results` is the checker's.
    """
    import pandas as pd

    _, rows = _query(path, "SELECT run, history FROM runs WHERE history IS NOT NULL ORDER BY run")
    points = [(run, *point) for run, history in rows for point in unpacked(history)]
    frame = pd.DataFrame(points, columns=["run", "elapsed_s", "objective", "bound"])
    return frame.astype({"run": int, "elapsed_s": float, "objective": float, "bound": float})


def read_instances(path: str | Path) -> pd.DataFrame:
    """Read what the instances of a results file are: ``sha256``, ``problem``, ``name``, ``source``, ``measure``,
    ``unit``.
    """
    return _frame(
        path, "SELECT sha256, problem, name, source, measure, unit FROM instances ORDER BY problem, name, sha256"
    )


def read_suites(path: str | Path) -> pd.DataFrame:
    """Read which suites were run into a results file: ``name``, ``content`` (as JSON) and ``begun_at``."""
    return _frame(path, "SELECT name, content, begun_at FROM suites ORDER BY suite")


def read_instance(path: str | Path, sha256: str) -> Instance:
    """Read an instance as it was solved.

    Raises
    ------
    UsageError
        The file holds no such instance.
    """
    _, rows = _query(path, "SELECT content FROM instances WHERE sha256 = ?", sha256)
    if not rows:
        raise UsageError(f"{path}: there is no instance of hash {sha256!r}")
    return instance_from_dict(unpacked(rows[0][0]), file=path)


def read_solution(path: str | Path, run: int) -> Solution:
    """Read the solution of a run, tied to its instance: it can be plotted, checked and written as a file.

    Raises
    ------
    UsageError
        There is no such run, or it gave no solution: it is pending, was refused, or failed.
    """
    columns, rows = _query(path, "SELECT * FROM runs WHERE run = ?", int(run))
    if not rows:
        raise UsageError(f"{path}: there is no run {run}")
    row = dict(zip(columns, rows[0], strict=True))
    if row["status"] in (None, "refused", "failed"):
        raise UsageError(f"{path}: run {run} has no solution: {row['error'] or 'it has not finished'}")
    instance = read_instance(path, row["instance_sha256"])
    return Solution.from_dict(_solution_data(row, instance), file=path).of(instance)


def _solution_data(row: Mapping[str, Any], instance: Instance) -> dict[str, Any]:
    return {
        "problem": instance.problem,
        "instance": instance.name,
        "method": row["method_used"],
        "gap": relative_gap(row["objective"], row["bound"]),
        "runtime_s": row["wall_s"],
        "setup_s": row["setup_s"] or 0.0,
        "threads": json.loads(row["options"])["threads"],
        "message": row["message"] or "",
        "metrics": json.loads(row["metrics"] or "{}"),
        "versions": json.loads(row["versions"] or "{}"),
        "history": unpacked(row["history"]) if row["history"] else [],
        "plan": unpacked(row["plan"]) if row["plan"] else None,
        **{key: row[key] for key in ("instance_sha256", "status", "stopped", "objective", "bound", "seed")},
    }


def check_results(path: str | Path) -> Iterator[tuple[int, CheckReport]]:
    """Check every plan of a results file again: yield the number of the run and what the checker says of it.

    Objective, bound, gap and status, which stand beside the plan, are checked, too.
    """
    _, rows = _query(path, "SELECT run FROM runs WHERE plan IS NOT NULL ORDER BY run")
    for (run,) in rows:
        solution = read_solution(path, run)
        yield run, check(read_instance(path, solution.instance_sha256), solution)

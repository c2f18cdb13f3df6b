"""`sweep`: make all runs of a suite and keep each result as soon as it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgeopt.errors import EdgeoptError
from edgeopt.experiments.estimate import Estimate
from edgeopt.experiments.plugins import Plugin
from edgeopt.experiments.running import Task
from edgeopt.experiments.store import RunRecord, Store, StoredInstance, require_absent, unpacked
from edgeopt.experiments.suite import Suite
from edgeopt.experiments.suite_runs import RequestedRun, requested
from edgeopt.experiments.workers import WorkerPool, open_pool
from edgeopt.instance import instance_from_dict
from edgeopt.method import methods
from edgeopt.rehearsal import rehearse_kind
from edgeopt.solving import prepare

RECOUNT_S = 5.0


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is, reported whenever a run has finished.

    Attributes
    ----------
    requested, finished : int
        Runs of the suite, and how many of them have finished (those of earlier sweeps included).
    remaining_s : float or None
        Estimate of the time left; None when there is nothing yet to estimate from.
    instance, method : str
    seed : int
    record : RunRecord or None
        The run that has just finished; None at the start.
    """

    requested: int
    finished: int
    remaining_s: float | None = None
    instance: str = ""
    method: str = ""
    seed: int = 0
    record: RunRecord | None = None


def sweep(
    suite: Suite | str | Path | dict[str, Any],
    results: str | Path,
    *,
    resume: bool = False,
    retry_failed: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[SweepProgress], None] | None = None,
) -> Path:
    """Make the runs of a suite and write their results into a file, row by row.

    Parameters
    ----------
    suite : Suite, path or dict
        A suite, its TOML file, or what the file would say; then paths are relative to the current folder, and an
        `Instance` may stand for a block of instances, or as its ``instance``.
    results : path
        SQLite file, see `read_results`.
    resume : bool
        Continue this file: runs that have finished are not repeated.
    retry_failed : bool
        Make runs of the suite that have failed once more; their errors are forgotten.
    workers : int, optional
        Runs at a time on this machine; default: as many as its cores hold.
    scheduler : str, optional
        Address of a Dask scheduler (``"tcp://host:8786"``); the runs are made on its cluster.
    progress : callable, optional
        Called with a `SweepProgress` at the start and whenever a run has finished.

    Returns
    -------
    Path
        The results file. However the sweep ends, it holds all runs that have finished.

    Raises
    ------
    InputError
        The suite, or an instance of it, is not what it should be.
    UsageError
        The results file exists and `resume` is not set, or it cannot be written, or the scheduler does not answer.
    MissingExtra
        A scheduler is given and the extra ``distributed`` is not installed.
    """
    if isinstance(suite, dict):
        suite = Suite.of(suite)
    elif not isinstance(suite, Suite):
        suite = Suite.read(suite)
    require_absent(Path(results), resume)
    plugins, instances, runs = requested(suite)
    threads = max(run.options["threads"] for run in runs)
    if scheduler is None:
        _warm_up(instances, runs)
    with closing(open_pool(workers, scheduler, threads)) as pool, Store(Path(results), resume) as store:
        left = _request(store, suite, instances, runs, retry_failed)
        report = _ProgressReport(progress, left, {instance.sha256: instance.name for instance in instances}, len(runs))
        for number, record in _results(_tasks(store, suite, left, plugins), pool):
            store.finish(number, record)
            report.finished(left[number], record)
    return Path(results)


def _warm_up(instances: list[StoredInstance], runs: list[RequestedRun]) -> None:
    """Compile what the runs need, so that the first of them are not timed beside a compiler."""
    of = {instance.sha256: instance for instance in instances}
    needed = {(of[run.sha256].problem, run.method, of[run.sha256].kind) for run in runs if run.method != "auto"}
    for problem, name, kind in sorted(needed, key=str):
        method = methods(problem).get(name)
        if method is not None and method.own:
            rehearse_kind(method, kind)
    for sha256, limit_s in sorted({(run.sha256, run.options["time_limit_s"]) for run in runs if run.method == "auto"}):
        with suppress(EdgeoptError):  # its row will say why
            prepare(instance_from_dict(unpacked(of[sha256].content)), time_limit=limit_s)


def _request(
    store: Store, suite: Suite, instances: list[StoredInstance], runs: list[RequestedRun], retry_failed: bool
) -> dict[int, RequestedRun]:
    """Enter all requested runs in the store, and return by their numbers those that have not finished."""
    left = {}
    with store.transaction():
        store.add_suite(suite.name, json.dumps(suite.to_dict()), datetime.now(UTC).isoformat(timespec="seconds"))
        for instance in instances:
            store.add_instance(instance)
        for run in runs:
            number, status = store.request(run.sha256, run.method, run.seed, run.options)
            if status == "failed" and retry_failed:
                store.reopen(number)
            elif status is not None:
                continue
            left[number] = run
    return left


def _tasks(store: Store, suite: Suite, left: dict[int, RequestedRun], plugins: list[Plugin]) -> Iterator[Task]:
    for number, run in left.items():
        content = store.instance_content(run.sha256)
        yield Task(number, content, run.method, run.seed, run.options, suite.grace_s, tuple(plugins))


def _results(tasks: Iterator[Task], pool: WorkerPool) -> Iterator[tuple[int, RunRecord]]:
    """Keep the pool supplied, and yield results as they come; tasks are made when they are needed."""
    flying: dict[Future[RunRecord], int] = {}
    while True:
        while len(flying) < pool.most_in_flight() and (task := next(tasks, None)) is not None:
            flying[pool.submit(task)] = task.run
        if not flying:
            return
        done, _ = wait(flying, RECOUNT_S, FIRST_COMPLETED)  # meanwhile the pool may have grown
        for future in done:
            yield flying.pop(future), pool.outcome(future)


class _ProgressReport:
    """Reports the progress of a sweep."""

    def __init__(
        self,
        progress: Callable[[SweepProgress], None] | None,
        left: dict[int, RequestedRun],
        names: dict[str, str],
        requested: int,
    ) -> None:
        self._progress = progress or (lambda news: None)
        self._names, self._requested, self._left = names, requested, len(left)
        self._estimate = Estimate(run.method for run in left.values())
        self._began = time.monotonic()
        self._progress(SweepProgress(requested, requested - len(left)))

    def finished(self, run: RequestedRun, record: RunRecord) -> None:
        self._left -= 1
        self._estimate.add(run.method, record.wall_s or 0.0)
        remaining = self._estimate.remaining_s(time.monotonic() - self._began)
        self._progress(
            SweepProgress(
                self._requested,
                self._requested - self._left,
                remaining,
                self._names[run.sha256],
                run.method,
                run.seed,
                record,
            )
        )

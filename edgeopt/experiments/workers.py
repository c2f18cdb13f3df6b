"""Pools that make the runs of a sweep, on this machine or on a Dask cluster. Both take tasks and give futures."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Protocol

from edgeopt.errors import MissingExtra, UsageError
from edgeopt.experiments.running import Process, StartError, Task, kill, run_task
from edgeopt.experiments.store import RunRecord
from edgeopt.run_options import available_cores
from edgeopt.versions import install_command

CONNECT_S = 10
RETRIES = 2  # of a run whose process cannot start; the scheduler tries another worker
QUEUED_FOR_EACH_PLACE = 3


class WorkerPool(Protocol):
    """A pool makes runs."""

    def most_in_flight(self) -> int:
        """Return how many runs the pool should hold at a time, those that wait included."""
        ...

    def submit(self, task: Task) -> Future[RunRecord]:
        """Begin a run."""
        ...

    def outcome(self, future: Future[RunRecord]) -> RunRecord:
        """Return the record of a run that is done.

        Raises
        ------
        UsageError
            Runs cannot be made here.
        """
        ...

    def close(self) -> None:
        """Give up the runs in flight."""
        ...


class LocalPool:
    """The pool makes each run on this machine in a process of its own, at most `workers` at a time.

    Threads only wait for their processes, so the death of one process breaks nothing else, as it would in a pool of
    processes.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="edgeopt-run")
        self._lock = threading.Lock()
        self._running: set[Process] = set()
        self._closed = False

    def most_in_flight(self) -> int:
        return self._workers

    def submit(self, task: Task) -> Future[RunRecord]:
        return self._pool.submit(self._run, task)

    def _run(self, task: Task) -> RunRecord:
        started: list[Process] = []

        def note(process: Process) -> None:
            with self._lock:
                started.append(process)
                self._running.add(process)
                if self._closed:
                    process.kill()

        try:
            return run_task(task, note)
        finally:
            with self._lock:
                self._running.difference_update(started)

    def outcome(self, future: Future[RunRecord]) -> RunRecord:
        try:
            return future.result()
        except (StartError, OSError) as error:
            raise UsageError(f"runs cannot be made on this machine: {error}") from None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for process in self._running:
                if process.poll() is None:
                    kill(process)
        self._pool.shutdown(cancel_futures=True)


class DaskPool:
    """The pool makes runs on the workers of a Dask cluster, which spreads them and repeats those whose worker died."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise MissingExtra(f"a scheduler needs an extra: {install_command('distributed')}") from None
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # the sweep reports what goes wrong
        self._address = address
        try:
            self._client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            remedy = "is it running, and is the address of the form tcp://host:8786?"
            raise UsageError(f"no Dask scheduler answers at {address!r} ({error}); {remedy}") from None
        self._executor = self._client.get_executor(pure=False, retries=RETRIES)

    def most_in_flight(self) -> int:
        try:
            places = sum(self._client.nthreads().values())
        except Exception:
            raise self._lost() from None
        return max(1, QUEUED_FOR_EACH_PLACE * places)

    def submit(self, task: Task) -> Future[RunRecord]:
        return self._executor.submit(run_task, task)

    def outcome(self, future: Future[RunRecord]) -> RunRecord:
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except KilledWorker:
            return RunRecord("failed", error="the worker died each time that this run was tried")
        except CancelledError:
            raise self._lost() from None
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise UsageError(f"the workers of {self._address} cannot make runs: {problem}") from None

    def _lost(self) -> UsageError:
        return UsageError(f"the connection to the scheduler {self._address} is lost; continue with --resume")

    def close(self) -> None:
        self._executor.shutdown(wait=False)
        self._client.close(timeout=CONNECT_S)


def open_pool(workers: int | None, scheduler: str | None, threads: int) -> WorkerPool:
    """Return a pool on the cluster of the scheduler when one is named, else on this machine.

    Parameters
    ----------
    workers : int, optional
        Runs at a time on this machine; default: as many as its cores hold.
    scheduler : str, optional
        Address of a Dask scheduler.
    threads : int
        Threads that a run uses.

    Raises
    ------
    UsageError, MissingExtra
    """
    if scheduler is not None:
        if workers is not None:
            raise UsageError("workers are counted on this machine only; a cluster has those that it has")
        return DaskPool(scheduler)
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be at least 1, not {workers}")
    return LocalPool(workers or max(1, available_cores() // threads))

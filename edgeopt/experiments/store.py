"""The results file: SQLite, one row for each run, safe against being killed.

A row stands in the file from the moment the run is requested; its status is null until the run has finished, and is
set in one transaction. SQLite's rollback journal (not the write-ahead log, which does not work on network folders)
undoes what was half written when the process was killed.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.instance import Instance

RESULTS_FORMAT: Final = "edgeopt-results/4"
PENDING: Final = "pending"  # status, in frames, of a run that has not finished
BUSY_S = 30.0  # how long a reader or writer waits for another

SCHEMA = """
CREATE TABLE facts ( -- what the file is
    key TEXT PRIMARY KEY, -- `format` is the only one
    value TEXT NOT NULL -- format of the file and its number
);
CREATE TABLE suites ( -- what was run, in the order in which it was begun
    suite INTEGER PRIMARY KEY, -- number of the suite in this file
    name TEXT NOT NULL, -- its name
    content TEXT NOT NULL, -- its content as JSON
    begun_at TEXT NOT NULL -- time of the start, UTC
);
CREATE TABLE instances ( -- each instance once, as it was solved
    sha256 TEXT PRIMARY KEY, -- hash of the content
    problem TEXT NOT NULL, -- its problem
    name TEXT NOT NULL, -- its name
    source TEXT NOT NULL, -- where it came from
    content BLOB NOT NULL, -- compressed JSON (zlib)
    arguments TEXT NOT NULL, -- JSON object: what the generator was given, and the keys that are varied
    measure TEXT NOT NULL, -- what the objective counts
    unit TEXT NOT NULL -- unit of the objective
);
CREATE TABLE runs ( -- each run once it is requested; the first four columns after its number are a unique key
    run INTEGER PRIMARY KEY, -- number of the run in this file
    instance_sha256 TEXT NOT NULL REFERENCES instances (sha256), -- its instance
    method TEXT NOT NULL, -- method as requested
    seed INTEGER NOT NULL, -- its seed
    options TEXT NOT NULL, -- JSON object: its limits
    status TEXT, -- null until the run has finished; then as in a solution, or `refused`, or `failed`
    stopped TEXT, -- as in a solution, or `hard_limit`
    method_used TEXT, -- method that ran
    objective, -- the checker's value of the plan
    bound, -- the certified bound
    wall_s REAL, -- seconds of the run
    setup_s REAL, -- seconds before
    cpu_s REAL, -- CPU seconds of the call of `solve`
    peak_bytes INTEGER, -- largest resident memory of the process
    begun_at TEXT, -- time of the start, UTC
    machine TEXT, -- the machine in words
    versions TEXT, -- JSON object: versions of the packages that matter
    message TEXT, -- what the method says
    error TEXT, -- why there is no solution
    metrics TEXT, -- JSON object: further figures of the checker
    history BLOB, -- compressed JSON: list of [seconds, incumbent, bound]
    plan BLOB, -- compressed JSON: the plan
    UNIQUE (instance_sha256, method, seed, options)
);
"""


@dataclass(frozen=True)
class RunRecord:
    """The record of a finished run; the names are those of the columns of the table `runs`.

    Attributes
    ----------
    status : str
        A `Status`, or ``"refused"`` (the method does not apply) or ``"failed"`` (it is at fault).
    stopped : str, optional
        A `Stopped`, or ``"hard_limit"`` when the run ignored its time limit and was ended from outside.
    method_used : str, optional
        The method that ran; differs from the requested one for ``"auto"``.
    objective, bound : int or float, optional
    wall_s : float, optional
        Seconds of the run, as in `Solution.runtime_s`; of a process that died the seconds since it was ready.
    setup_s : float, optional
        Seconds before that, for importing, compiling and loading.
    cpu_s : float, optional
        CPU seconds of the call of `solve`.
    peak_bytes : int, optional
        Largest resident memory of the process.
    begun_at : str, optional
        Time of its start, UTC.
    machine, versions : str, optional
        In neutral words; a JSON object.
    message, error : str, optional
        What the method says; why there is no solution.
    metrics : str, optional
        JSON object of the checker's further metrics.
    history : bytes, optional
        Compressed JSON list of [seconds, incumbent, bound].
    plan : bytes, optional
        Compressed JSON.
    """

    status: str
    stopped: str | None = None
    method_used: str | None = None
    objective: int | float | None = None
    bound: int | float | None = None
    wall_s: float | None = None
    setup_s: float | None = None
    cpu_s: float | None = None
    peak_bytes: int | None = None
    begun_at: str | None = None
    machine: str | None = None
    versions: str | None = None
    message: str | None = None
    error: str | None = None
    metrics: str | None = None
    history: bytes | None = None
    plan: bytes | None = None


@dataclass(frozen=True)
class StoredInstance:
    """An instance as it is kept: its hash, what it is, where it came from, and its content as packed JSON.

    Its kind says on which specimen methods are rehearsed for it; its arguments are a JSON object of what the generator
    was given and of the keys that are varied. What its objective counts, and in which unit, stands beside its problem,
    as weights change it.
    """

    sha256: str
    problem: str
    name: str
    source: str
    content: bytes
    measure: str
    unit: str
    kind: object = None
    arguments: str = "{}"

    @classmethod
    def of(cls, instance: Instance, source: str, arguments: Mapping[str, Any] | None = None) -> StoredInstance:
        """Pack an instance."""
        conventions = instance.conventions
        return cls(
            instance.sha256,
            instance.problem,
            instance.name,
            source,
            packed(instance.to_dict()),
            conventions.objective,
            conventions.unit,
            conventions.part("specimens").kind_of(instance),
            json.dumps(arguments or {}),
        )


FINISH = (
    f"UPDATE runs SET {', '.join(f'{field.name} = :{field.name}' for field in fields(RunRecord))} "
    "WHERE run = :run AND status IS NULL"
)


def packed(value: Any) -> bytes:
    """Compress a value as JSON."""
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def unpacked(content: bytes) -> Any:
    """Undo `packed`."""
    return json.loads(zlib.decompress(content))


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn an error of SQLite into one message that names the file and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: {_problem(error, path)}") from None


def _problem(error: sqlite3.Error, path: Path) -> str:
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith("SQLITE_FULL"):
        return "the disk is full; finished runs are kept, make room and continue with --resume"
    if code.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return "the results cannot be written; make the file and its folder writable"
    if code.startswith("SQLITE_CANTOPEN"):
        return "the results file cannot be opened; is its folder there, and writable?"
    if code.startswith("SQLITE_BUSY"):
        return "the results file is in use by another process"
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return "this is not a results file of `edgeopt sweep`, or it is damaged"
    return f"the results file cannot be used: {error}"


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing results file.

    Raises
    ------
    UsageError
        There is none, or it is not one.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such results file")
    with clear_errors(path):
        # Opened for writing where that is allowed: only so can SQLite undo what a killed process left half written.
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_S)
        try:
            _require_format(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _require_format(connection: sqlite3.Connection, path: Path) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    row = connection.execute("SELECT value FROM facts WHERE key = 'format'").fetchone() if "facts" in tables else None
    if row != (RESULTS_FORMAT,):
        shown = f"its format is {row[0]!r}, not {RESULTS_FORMAT!r}" if row else "it has no format"
        raise UsageError(f"{path}: this is not a results file of `edgeopt sweep`: {shown}")


def _create(path: Path) -> None:
    with clear_errors(path), closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
        insert = f"INSERT INTO facts VALUES ('format', '{RESULTS_FORMAT}');"
        connection.executescript(f"BEGIN EXCLUSIVE; {SCHEMA} {insert} COMMIT;")


def require_absent(path: Path, resume: bool) -> bool:
    """Return whether results stand at the path, where a sweep that is not resumed must find none.

    Raises
    ------
    UsageError
        It does.
    """
    # A file of size 0 is what is left of a sweep that was killed in its first moments.
    present = path.exists() and (not path.is_file() or path.stat().st_size > 0)
    if present and not resume:
        raise UsageError(f"{path}: this file exists; continue it with --resume, or name another file")
    return present


class Store:
    """The results file, open for one sweep; a second sweep on the same file is refused.

    Parameters
    ----------
    path : Path
    resume : bool
        Continue an existing file.

    Raises
    ------
    UsageError
        The file exists and `resume` is not set, is no results file, is in use by another sweep or cannot be written.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path = path
        present = require_absent(path, resume)
        self._lock = self._locked(path.with_name(path.name + ".lock"))
        try:
            if not present:
                _create(path)
            self._connection = connect(path)
        except BaseException:
            self._unlock()
            raise
        self._connection.execute("PRAGMA synchronous = FULL")

    def _locked(self, path: Path) -> sqlite3.Connection:
        """Lock an empty database beside the results; the system lifts the lock when the process dies in any way."""
        with clear_errors(self.path):
            lock = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                lock.execute("PRAGMA journal_mode = MEMORY")
                lock.execute("BEGIN EXCLUSIVE")
            except BaseException:
                lock.close()
                raise
        return lock

    def _unlock(self) -> None:
        self._lock.close()
        with suppress(OSError):
            self.path.with_name(self.path.name + ".lock").unlink()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()
        self._unlock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all of it or nothing."""
        with clear_errors(self.path), self._connection:
            yield

    def add_suite(self, name: str, content: str, begun_at: str) -> None:
        """Keep the text of a suite that is run into this file."""
        self._connection.execute(
            "INSERT INTO suites (name, content, begun_at) VALUES (?, ?, ?)", (name, content, begun_at)
        )

    def add_instance(self, instance: StoredInstance) -> None:
        """Keep an instance, once for each content."""
        self._connection.execute(
            "INSERT INTO instances VALUES (:sha256, :problem, :name, :source, :content, :arguments, :measure, "
            ":unit) "
            "ON CONFLICT DO NOTHING",
            vars(instance),
        )

    def request(self, sha256: str, method: str, seed: int, options: Mapping[str, Any]) -> tuple[int, str | None]:
        """Ask for a run; return its number and, when it has already finished, its status."""
        key = (sha256, method, seed, json.dumps(options, sort_keys=True))
        self._connection.execute(
            "INSERT INTO runs (instance_sha256, method, seed, options) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", key
        )
        row: tuple[int, str | None] = self._connection.execute(
            "SELECT run, status FROM runs WHERE instance_sha256 = ? AND method = ? AND seed = ? AND options = ?", key
        ).fetchone()
        return row

    def reopen(self, run: int) -> None:
        """Forget the result of a failed run: it is requested again."""
        nothing = ", ".join(f"{field.name} = NULL" for field in fields(RunRecord))
        self._connection.execute(f"UPDATE runs SET {nothing} WHERE run = ? AND status = 'failed'", (run,))

    def instance_content(self, sha256: str) -> bytes:
        """Return an instance as it was packed."""
        with clear_errors(self.path):
            (content,) = self._connection.execute(
                "SELECT content FROM instances WHERE sha256 = ?", (sha256,)
            ).fetchone()
        return bytes(content)

    def finish(self, run: int, record: RunRecord) -> None:
        """Write the result of a run; a result that stands already is never replaced."""
        with self.transaction():
            self._connection.execute(FINISH, {"run": run, **vars(record)})

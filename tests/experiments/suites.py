"""Suites of small runs."""

from __future__ import annotations

import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.plans import two_models

OWN_METHODS = Path(__file__).with_name("own_methods.py")


def write_instances(folder: Path, count: int) -> None:
    """Write instances that differ in name only."""
    for number in range(count):
        two_models().model_copy(update={"name": f"i{number}"}).write(folder / f"i{number}.json")


def suite(folder: Path, names: list[str], instances: int = 1, **keys: Any) -> Path:
    """Write a suite of methods of our own on small instances."""
    write_instances(folder, instances)
    given = {"time_limit_s": 30, "plugins": [str(OWN_METHODS)], **keys}
    lines = [f"{key} = {toml(value)}" for key, value in given.items()]
    path = folder / "suite.toml"
    path.write_text(
        'format = "edgeopt-suite/1"\nname = "own"\n' + "\n".join(lines) + "\n"
        '[[instances]]\nfiles = ["i*.json"]\n'
        f'[[methods]]\nproblem = "loading"\nnames = {toml(names)}\n'
    )
    return path


def toml(value: Any) -> str:
    """Numbers, texts and lists of them look in TOML as in Python."""
    return repr(value)


def executions(folder: Path) -> Counter[str]:
    """How often each run was begun."""
    log = folder / "log"
    return Counter(log.read_text().splitlines()) if log.exists() else Counter()


def finished(results: Path) -> list[tuple[int, str]]:
    """Numbers and statuses of the runs that stand finished in a results file, read as anybody would."""
    if not results.exists():
        return []
    with closing(sqlite3.connect(results, timeout=30)) as connection:
        if not connection.execute("SELECT name FROM sqlite_master WHERE name = 'runs'").fetchall():
            return []
        return connection.execute("SELECT run, status FROM runs WHERE status IS NOT NULL ORDER BY run").fetchall()


def wait_until(
    condition: Callable[[], bool], process: subprocess.Popen[str] | None = None, limit_s: float = 120
) -> None:
    """Wait for a condition that must come true while the process runs; on a busy machine that may take long."""
    end = monotonic() + limit_s
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert monotonic() < end, "this should have happened by now"
        sleep(0.02)

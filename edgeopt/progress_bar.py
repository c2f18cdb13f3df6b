"""The progress of a run for people: one line that changes, on a terminal or in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from threading import Event, Thread
from typing import Any

from edgeopt.drawing.names import printable
from edgeopt.quantities import number, percent
from edgeopt.run import Progress
from edgeopt.solution import relative_gap

REFRESH_S = 0.5


@contextmanager
def shown(name: str, limit_s: float | None = None) -> Iterator[Callable[[Progress], None]]:
    """Show incumbent, bound, gap, and the time against its limit while the block lasts.

    Parameters
    ----------
    name : str
        What is solved.
    limit_s : float, optional
    """
    with (_in_notebook if _notebook() else _on_terminal)(name, limit_s) as show:
        yield show


def found(seen: Progress) -> str:
    """Say how far a run is."""
    gap = percent(relative_gap(seen.objective, seen.bound))
    return f"best {number(seen.objective)}, bound {number(seen.bound)}, gap {gap}"


def _notebook() -> bool:
    """Whether this is a kernel whose outputs can be changed."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def _on_terminal(name: str, limit_s: float | None) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    of = "" if limit_s is None else f"of {limit_s:g} s"
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        TextColumn(of),
        TextColumn("{task.fields[found]}"),
    ]
    with Bars(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(name), total=None, found="")
        yield lambda seen: bar.update(task, found=found(seen))


@contextmanager
def _in_notebook(name: str, limit_s: float | None) -> Iterator[Callable[[Progress], None]]:
    """Show a line in the output of the cell; a thread writes it anew, so that its time goes on between reports."""
    notebook: Any = import_module("IPython.display")  # it is there: this is one of its kernels
    line = _Line(name, limit_s)
    handle: Any = notebook.display(notebook.HTML(line.html()), display_id=True)
    ended = Event()

    def refresh() -> None:
        while not ended.wait(REFRESH_S):
            handle.update(notebook.HTML(line.html()))

    writer = Thread(target=refresh, name="progress", daemon=True)
    writer.start()
    try:
        yield line.see
    finally:
        ended.set()
        writer.join()
        handle.update(notebook.HTML(""))


class _Line:
    """What a run has told last, as a line whose time goes on."""

    def __init__(self, name: str, limit_s: float | None) -> None:
        self._name, self._of = name, "" if limit_s is None else f" of {limit_s:g} s"
        self._began = time.monotonic()
        self._found = "begins"

    def see(self, seen: Progress) -> None:
        """Take what is told: the run's clock does not count what comes before the method."""
        self._began, self._found = time.monotonic() - seen.elapsed_s, found(seen)

    def html(self) -> str:
        """Return the line as HTML."""
        elapsed_s = time.monotonic() - self._began
        return f"<code>{escape(self._name)}: {elapsed_s:.1f} s{self._of}; {escape(self._found)}</code>"

"""Arrivals of requests, as a trace tells them: when, and where it says so for which model and how long."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeopt.errors import UsageError
from edgeopt.measured.requests import COLUMNS as REQUEST_COLUMNS
from edgeopt.measured.tables import Floats, read_table
from edgeopt.measured.traces import COLUMNS as TRACE_COLUMNS
from edgeopt.measured.traces import MOST_TOKENS, PUBLISHED, Integers

COLUMNS = {
    "time": tuple(dict.fromkeys(TRACE_COLUMNS["time"] + REQUEST_COLUMNS["time"])),
    "model": REQUEST_COLUMNS["model"],
    "context": TRACE_COLUMNS["context"],
}


class Arrivals(NamedTuple):
    """Requests in the order of their arrival.

    Attributes
    ----------
    times_s : float array, shape (requests,)
        Seconds since the first request.
    models : list of str, or None
        The model that each asks for, as the trace names it.
    context_tokens : int array, shape (requests,), or None
    """

    times_s: Floats
    models: list[str] | None
    context_tokens: Integers | None

    def chosen(self, index: Integers) -> Arrivals:
        """Return some of the requests, times counted from the first of them."""
        times = self.times_s[index]
        models = None if self.models is None else [self.models[place] for place in index.tolist()]
        return Arrivals(times - times[:1], models, None if self.context_tokens is None else self.context_tokens[index])

    def within(self, start_s: float, length_s: float) -> Arrivals:
        """Return the requests that arrive in [start, start + length).

        Raises
        ------
        UsageError
            There are none.
        """
        inside = np.flatnonzero((self.times_s >= start_s) & (self.times_s < start_s + length_s))
        if not len(inside):
            last = self.times_s[-1]
            raise UsageError(f"no request of the trace arrives in the window; the trace lasts {last:.0f} s")
        return self.chosen(inside)

    def sample(self, count: int, rng: np.random.Generator) -> Arrivals:
        """Draw so many requests without replacement.

        Raises
        ------
        UsageError
            There are fewer.
        """
        known = len(self.times_s)
        if count > known:
            raise UsageError(f"the trace has {known} requests there, fewer than {count}; ask for fewer of them")
        return self.chosen(np.sort(rng.choice(known, count, replace=False)))


def arrivals_of(source: str, rng: np.random.Generator) -> Arrivals:
    """Read the arrivals of a file, or draw some like those of the published trace that `source` names."""
    if source in PUBLISHED:
        trace = PUBLISHED[source].draw(rng)
        return Arrivals(trace.arrival_s, None, trace.context_tokens)
    return read_arrivals(source)


def read_arrivals(path: str | Path) -> Arrivals:
    """Read a CSV file with a column of times, and perhaps ``model`` and ``ContextTokens``; rows may be in any order.

    Times are dates with times, or seconds.

    Raises
    ------
    InputError
        Names the file, the line and the column; a trace must tell times.
    """
    table = read_table(path, COLUMNS, optional=("model", "context"))
    times, models, context = table.seconds("time"), table.cells.get("model"), None
    for row, model in enumerate(models or ()):
        if not model:
            raise table.fault(row, "model", "the cell is empty", "name the model in each row")
    if "context" in table.cells:
        context = table.numbers("context", 0, MOST_TOKENS, whole=True).astype(np.int64)
    return Arrivals(times, models, context).chosen(np.argsort(times, kind="stable"))

"""Traces of requests to language models: when each came, how long it was, how long the answer was.

A trace is read from a file, or drawn from the statistics of the two services of the Azure LLM inference trace 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import Finding, InputError, UsageError
from edgeopt.measured.tables import read_table

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COLUMNS = {
    "time": ("timestamp", "time", "arrival_s"),
    "context": ("contexttokens", "context_tokens"),
    "generated": ("generatedtokens", "generated_tokens"),
}
MOST_TOKENS = 1e8
LEVELS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


@dataclass(frozen=True)
class Trace:
    """Requests in the order of their arrival.

    Attributes
    ----------
    arrival_s : float array, shape (requests,)
        Seconds since the first request.
    context_tokens, generated_tokens : int array, shape (requests,)
    """

    arrival_s: Floats
    context_tokens: Integers
    generated_tokens: Integers

    def __len__(self) -> int:
        return len(self.arrival_s)

    def window(self, start_s: float, length_s: float) -> Trace:
        """Return the requests that arrive in [start, start + length).

        Raises
        ------
        UsageError
            There are none.
        """
        inside = (self.arrival_s >= start_s) & (self.arrival_s < start_s + length_s)
        if not inside.any():
            last = self.arrival_s[-1]
            raise UsageError(f"no request of the trace arrives in the window; the trace lasts {last:.0f} s")
        return Trace(self.arrival_s[inside], self.context_tokens[inside], self.generated_tokens[inside])

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Trace, Integers]:
        """Draw requests without replacement, each to stand for an equal part of all: the counts add up to all.

        Raises
        ------
        UsageError
            There are fewer.
        """
        if count > len(self):
            raise UsageError(f"the trace has {len(self)} requests there, fewer than {count}; ask for fewer of them")
        chosen = np.sort(rng.choice(len(self), count, replace=False))
        counts = np.full(count, len(self) // count)
        counts[rng.choice(count, len(self) % count, replace=False)] += 1
        drawn = Trace(self.arrival_s[chosen], self.context_tokens[chosen], self.generated_tokens[chosen])
        return drawn, counts


@dataclass(frozen=True)
class TraceSummary:
    """The statistics of a trace: its size, the quantiles of both lengths at `LEVELS`, and requests in each minute."""

    requests: int
    length_s: float
    context: tuple[int, ...]
    generated: tuple[int, ...]
    per_minute: tuple[int, ...]

    def draw(self, rng: np.random.Generator) -> Trace:
        """Draw a trace of the same size: arrivals evenly spread in each minute, which has its part of them.

        Both lengths are independent of each other and of time; between two quantiles a length is log-uniform. (In the
        measured traces the logarithms of the two lengths correlate by less than 0.1; bursts of seconds are lost here.)
        """
        minutes = np.minimum(60.0 * np.arange(len(self.per_minute) + 1), self.length_s)
        before = np.concatenate([[0.0], np.cumsum(self.per_minute)]) / sum(self.per_minute)
        arrival_s = np.interp(np.sort(rng.uniform(0, 1, self.requests)), before, minutes)
        arrival_s -= arrival_s[0]
        lengths = (
            np.exp(np.interp(rng.random(self.requests), LEVELS, np.log(quantiles))).round().astype(np.int64)
            for quantiles in (self.context, self.generated)
        )
        return Trace(arrival_s, *lengths)


# Azure LLM inference trace of 2023-11-16 (github.com/Azure/AzurePublicDataset, CC-BY 4.0).
# fmt: off
PUBLISHED = {
    "azure-code": TraceSummary(
        8819,
        3436.0,
        (3, 17, 75, 147, 578, 1469, 2745, 5186, 7302, 7436, 7437, 7437),
        (6, 6, 6, 7, 9, 13, 24, 55, 90, 252, 824, 1899),
        (
            63, 0, 0, 531, 187, 130, 15, 42, 38, 476, 421, 63, 0, 0, 632, 299, 0, 20, 396, 315, 116,
            78, 306, 447, 252, 34, 128, 111, 406, 234, 118, 169, 130, 306, 158, 0, 339, 55, 285,
            191, 0, 28, 205, 245, 99, 0, 0, 32, 0, 0, 0, 97, 212, 22, 32, 113, 47, 196,
        ),
    ),
    "azure-conversation": TraceSummary(
        19366,
        3501.7,
        (2, 29, 181, 207, 396, 1020, 1189, 2734, 4083, 4142, 6212, 14050),
        (7, 16, 41, 54, 85, 129, 395, 424, 451, 601, 954, 1000),
        (
            191, 265, 329, 353, 307, 273, 268, 261, 322, 298, 301, 302, 345, 326, 283, 279, 280,
            308, 343, 351, 351, 343, 408, 396, 386, 398, 432, 480, 476, 453, 448, 507, 438, 413,
            423, 418, 465, 311, 329, 316, 333, 355, 319, 360, 334, 375, 330, 249, 221, 249, 265,
            280, 256, 254, 242, 260, 246, 225, 37,
        ),
    ),
}
# fmt: on


def trace_of(source: str, rng: np.random.Generator) -> Trace:
    """Read the trace of a file, or draw one from the published statistics that `source` names."""
    return PUBLISHED[source].draw(rng) if source in PUBLISHED else read_trace(source)


def read_trace(path: str | Path) -> Trace:
    """Read a CSV file with the columns TIMESTAMP (a date and time, or seconds), ContextTokens and GeneratedTokens.

    Raises
    ------
    InputError
        Names the file, the line and the column.
    """
    try:
        table = read_table(path, COLUMNS)
    except InputError as error:
        if not Path(path).exists():
            known = " or ".join(PUBLISHED)
            raise InputError(Finding("$", "there is no such file", f"give a CSV file, or {known}"), path) from None
        raise error
    arrival_s = table.seconds("time")
    context, generated = (
        table.numbers(key, 0, MOST_TOKENS, whole=True).astype(np.int64) for key in ("context", "generated")
    )
    order = np.argsort(arrival_s, kind="stable")
    return Trace(arrival_s[order] - arrival_s[order[0]], context[order], generated[order])

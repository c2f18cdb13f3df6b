"""Cheapest insertion of users into a line of batches, and what is gained by leaving a batch out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeopt.loading.batches.lines import Line, kernel_data
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.nobody import serve_nobody
from edgeopt.loading.queues import Integers, Queues
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Outcome, Run
from edgeopt.solution import Stopped

if TYPE_CHECKING:
    from edgeopt.loading.batches.line_kernels import Data

CHEAPEST_WORK = 2_000_000  # users squared; beyond, users are tried in given orders only


def greedy_line(queues: Queues, data: Data, run: Run) -> Line:
    """Return the best of some lines that are filled in different orders of the users, improved by `without_batches`."""
    best = Line.of(queues)
    for users, cheapest in _orders(queues):
        if run.stop_reason() is not None:
            break
        line = filled(data, Line.of(queues), users, cheapest)
        line = without_batches(data, line, run)
        if line.users > best.users:
            best = line
            run.report(best.users)
    return best


def _orders(queues: Queues) -> list[tuple[Integers, bool]]:
    """Orders of the users, and whether the next one is rather that of least additional time."""
    everybody = np.arange(len(queues.user_names))
    orders = [
        (np.lexsort((queues.upload_s, queues.due_s)), False),
        (np.lexsort((queues.due_s, queues.upload_s)), False),
        (np.argsort(queues.upload_s / queues.upload_s.max(initial=1e-300) + queues.due_s / queues.due_s.max()), False),
    ]
    if len(everybody) ** 2 <= CHEAPEST_WORK:
        orders.append((everybody, True))
    return orders


def filled(data: Data, line: Line, users: Integers, cheapest: bool) -> Line:
    """Return the line with as many of these users as fit, each where it costs least time."""
    from edgeopt.loading.batches.line_kernels import fill, new_figures

    line = line.copy()
    users = users[line.place[users] < 0]
    figures = new_figures(len(line.place))
    line.length = fill(data, line.batch, line.length, line.place, figures, users, cheapest)
    return line


def without_batches(data: Data, line: Line, run: Run) -> Line:
    """Leave out a batch if more others fit then; until that gains nothing."""
    from edgeopt.loading.batches.line_kernels import drop_empty

    position = 0
    while position < line.length and run.stop_reason() is None:
        tried = line.copy()
        tried.place[tried.place == position] = -1
        tried.length = drop_empty(tried.batch, tried.length, tried.place, np.empty(len(line.place) + 1, np.int64))
        left_out = np.flatnonzero(line.place < 0)
        back = np.flatnonzero(line.place == position)
        tried = filled(data, tried, np.concatenate([left_out[np.argsort(data.upload[left_out])], back]), False)
        line, position = (tried, 0) if tried.users > line.users else (line, position + 1)
    return line


def solve_greedy(instance: LoadingInstance, run: Run) -> Outcome:
    """Insert users where they cost least time; leave out a batch where that makes room for more."""
    queues = compile_workload(instance).queues
    if not queues.user_names:
        return serve_nobody(instance)
    line = greedy_line(queues, kernel_data(queues), run)
    return Outcome(
        queues.plan(line.batches()),
        stopped=run.stop_reason() or Stopped.FINISHED,
        message=f"cheapest insertion, best of several orders: {line.length} batches",
    )

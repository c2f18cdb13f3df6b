"""Whether all users of a set can be served in time: by the earliest ends of all parts of the set, or by CP-SAT."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeopt.loading.queues import Batch, Queues
from edgeopt.run import Run

MOST_STATES = 2_000_000  # parts of a set times models


def countable(queues: Queues, users: Sequence[int]) -> bool:
    """Whether the parts of a set of users are few enough to be enumerated."""
    sizes = np.bincount(queues.model[list(users)], minlength=1) if users else np.zeros(1, np.int64)
    return prod(int(size) + 1 for size in sizes) * int((sizes > 0).sum()) <= MOST_STATES


def sequenced(queues: Queues, users: Sequence[int], run: Run) -> list[Batch] | bool | None:
    """Return batches that serve all these users in time; False: there are none; None: not decided."""
    if not users:
        return []
    users = sorted(users)
    models = np.unique(queues.model[users])
    sizes = [int((queues.model[users] == model).sum()) for model in models]
    if countable(queues, users):
        return _by_parts(queues, np.array(users), models, sizes) or False
    from edgeopt.loading.walks.circuit import sequenced as by_cpsat

    return by_cpsat(queues, users, run)


def _by_parts(queues: Queues, users: np.ndarray, models: np.ndarray, sizes: list[int]) -> list[Batch]:
    """Enumerate the parts of the set; exact up to the rounding of sums of floats."""
    from edgeopt.loading.walks.sequencing_kernels import sequence

    stride = np.cumprod([1, *(size + 1 for size in sizes)])
    number = len(models)
    end, steps = np.empty((stride[-1], number)), np.empty((stride[-1], number), np.int64)
    rows = [*models.tolist(), len(queues.model_names)]
    first = np.cumsum([0, *sizes])
    last = sequence(
        float(queues.upload_s[users].sum()),
        first,
        queues.due_s[users],
        queues.capacity[models],
        queues.fixed_s[models],
        queues.per_sample_s[models],
        np.ascontiguousarray(queues.switch_s[np.ix_(rows, models)]),
        stride[:-1],
        end,
        steps,
    )
    batches: list[Batch] = []
    state, left = int(stride[-1]) - 1, list(sizes)
    while last >= 0 and state > 0:
        count, before = divmod(int(steps[state, last]), number + 1)
        served = users[first[last] + left[last] - count : first[last] + left[last]]
        batches.append((int(models[last]), served.tolist()))
        left[last] -= count
        state, last = state - count * int(stride[last]), before
    return batches[::-1]

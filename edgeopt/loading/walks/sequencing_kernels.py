"""Compiled kernel: the earliest end of service for every part of a set of users, all of whom shall be served."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.kernels import kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel(allocates=True)
def sequence(
    start: float,
    first: Integers,
    due: Floats,
    capacity: Integers,
    fixed: Floats,
    per_sample: Floats,
    switch: Floats,
    stride: Integers,
    end: Floats,
    steps: Integers,
) -> int:
    """Serve users of each model by deadline; states are how many of each have been served, and the last model.

    Parameters
    ----------
    start : float
        End of the uploads.
    first : numpy.ndarray of int64, shape (models + 1,)
        Where each model's users begin in `due`, which is nondecreasing within a model.
    stride : numpy.ndarray of int64, shape (models,)
        State number of one user served more.
    end, steps : numpy.ndarray, shape (states, models)
        Scratch: the earliest end, and last batch and model before it as ``number * (models + 1) + model``.

    Returns
    -------
    int
        The last model of a sequence that serves all; -1: there is none.
    """
    models, states = len(capacity), len(end)
    end[:] = np.inf
    digits = np.zeros(models, np.int64)
    for state in range(states):
        for last in range(models + 1):
            clock = start
            if last < models:
                clock = end[state, last]
            elif state > 0:
                clock = np.inf
            if clock == np.inf:
                continue
            for model in range(models):
                waiting = first[model + 1] - first[model] - digits[model]
                if waiting == 0:
                    continue
                ready = clock + switch[last, model] + fixed[model]
                latest = due[first[model] + digits[model]]
                for number in range(1, min(capacity[model], waiting) + 1):
                    ended = ready + per_sample[model] * number
                    if ended > latest:
                        break
                    target = state + number * stride[model]
                    if ended < end[target, model]:
                        end[target, model] = ended
                        steps[target, model] = number * (models + 1) + last
        for model in range(models):
            digits[model] += 1
            if digits[model] <= first[model + 1] - first[model]:
                break
            digits[model] = 0
    best = -1
    for model in range(models):
        if end[states - 1, model] < np.inf and (best < 0 or end[states - 1, model] < end[states - 1, best]):
            best = model
    return best

"""The methods of the authors' code on a drawing of their setting, made anew from their description.

Each returns the model of every request and the seconds until its parts have come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import LinearProgram
from edgeopt.pulling.tpds2025.drawing import SHAREABLE, Drawing
from edgeopt.run import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COST_WEIGHT = 1e-4  # of the costs beside the accuracies in the bargaining objective


@dataclass(frozen=True)
class Choice:
    """What a method chose: the model of each request, and the seconds until its parts have come."""

    model: Ints
    pulling: Floats


@dataclass(frozen=True)
class Score:
    """A choice as the authors' code reports it, and the share of requests whose floor or capacity it breaks."""

    delay: float
    cost: float
    accuracy: float
    broken: float


def score(drawing: Drawing, choice: Choice) -> Score:
    """Sum delays; costs and accuracies are means."""
    at = np.arange(len(choice.model)), choice.model
    pulling = np.zeros_like(drawing.accuracy)
    pulling[at] = choice.pulling
    accurate = drawing.accuracy[at] >= drawing.floor
    return Score(
        float(drawing.delay(pulling)[at].sum()),
        float(drawing.cost(pulling)[at].mean()),
        float(drawing.accuracy[at].mean()),
        float(1 - (accurate & drawing.fits[at]).mean()),
    )


def pulls(drawing: Drawing, shared: bool = True) -> tuple[Floats, Floats]:
    """Return the seconds that the shareable and the remaining part take from the nearest holder, shape (J, K)."""
    nearest = drawing.nearest(drawing.holds)
    shareable = drawing.nearest(drawing.shares) if shared else nearest
    return SHAREABLE * drawing.size * shareable, (1 - SHAREABLE) * drawing.size * nearest


def cheapest(drawing: Drawing, shared: bool = True) -> Choice | None:
    """Take for each request the admissible model of the least delay; None when some request has none."""
    pulling = np.maximum(*pulls(drawing, shared))
    usable = drawing.fits & (drawing.accuracy >= drawing.floor[:, None])
    usable &= drawing.cost(pulling) <= drawing.budget[:, None]
    delay = np.where(usable, drawing.delay(pulling), np.inf)
    model = delay.argmin(axis=1)
    rows = np.arange(len(model))
    return Choice(model, pulling[rows, model]) if np.isfinite(delay[rows, model]).all() else None


def relaxation(drawing: Drawing, shared: bool = True, bargaining: bool = False) -> Floats | None:
    """Solve a linear program of the code without its sources, which are the nearest holders in an optimum.

    Minimise the larger of two sums over all requests, of seconds for the shareable and for the remaining parts, plus
    all other delays; each request keeps budget, capacity and floor on the mean. For bargaining, maximise accuracies and
    `COST_WEIGHT` times what is left of the budgets, under the capacity alone.

    Returns
    -------
    numpy.ndarray or None
        The share of each model, shape (J, K); None when there is no solution.
    """
    requests, models = drawing.accuracy.shape
    parts = pulls(drawing, shared)
    power, own = drawing.power[drawing.home], drawing.inference + drawing.transmission
    own += drawing.queue[drawing.home][:, None]
    standing = drawing.cost(np.zeros_like(own))  # without pulling
    size = np.broadcast_to(drawing.used_share * drawing.size, own.shape)
    ones = np.ones_like(own)
    last = requests * models  # the column of the larger sum
    largest = [sparse.csr_array(np.append(part.ravel(), -1.0)[None, :]) for part in parts]
    rows = [*largest, _each(ones, None), _each(size, None)]
    lower = [np.full(2, -np.inf), np.ones(requests), np.full(requests, -np.inf)]
    upper = [np.zeros(2), np.ones(requests), drawing.capacity[drawing.home]]
    if bargaining:
        cost = np.append((drawing.accuracy - COST_WEIGHT * standing).ravel(), -COST_WEIGHT * power.sum())
    else:
        cost = np.append(own.ravel(), 1.0)
        rows += [_each(standing, power), _each(drawing.accuracy, None)]
        lower += [np.full(requests, -np.inf), drawing.floor]
        upper += [drawing.budget, np.full(requests, np.inf)]
    program = LinearProgram(
        cost,
        np.zeros(last + 1),
        np.append(np.ones(last), np.inf),
        np.zeros(last + 1, np.bool_),
        sparse.csr_array(sparse.vstack(rows)),
        np.concatenate(lower),
        np.concatenate(upper),
        maximize=bargaining,
    )
    values = HighsSolver(program, Run(maximize=bargaining)).solve(relaxed=True).values
    return None if values is None else np.clip(values[:last], 0, 1).reshape(requests, models)


def _each(values: Floats, of_largest: Floats | None) -> sparse.csr_array:
    """Return a row for each request over its models, and perhaps the larger of the sums."""
    requests, models = values.shape
    matrix = sparse.csr_array(
        (values.ravel(), np.arange(requests * models), np.arange(0, requests * models + 1, models)),
        shape=(requests, requests * models),
    )
    column = np.zeros(requests) if of_largest is None else of_largest
    return sparse.csr_array(sparse.hstack([matrix, sparse.csr_array(column[:, None])]))


def drawn(drawing: Drawing, share: Floats, rng: np.random.Generator, shared: bool = True, lost: float = 0.0) -> Choice:
    """Draw models by their shares, and the sources of both parts.

    With probability `lost` a draw falls to the last of what it is drawn from, whatever its share: the last model, the
    last cloudlet that has the part.
    """
    requests = len(share)
    cumulated = np.cumsum(share, axis=1)
    model = (cumulated < rng.random((requests, 1)) * cumulated[:, -1:]).sum(axis=1)
    model = np.where(rng.random(requests) < lost, share.shape[1] - 1, model)
    rows = np.arange(requests)
    seconds = []
    for part, holders, size in zip(
        pulls(drawing, shared),
        (drawing.shares if shared else drawing.holds, drawing.holds),
        (SHAREABLE, 1 - SHAREABLE),
        strict=True,
    ):
        last = holders.shape[1] - 1 - holders[:, ::-1].argmax(axis=1)
        far = size * drawing.size[model] * drawing.distance[drawing.home, last[model]]
        seconds.append(np.where(rng.random(requests) < lost, far, part[rows, model]))
    return Choice(model, np.maximum(*seconds))


def most_accurate(drawing: Drawing, from_cloud: bool) -> Choice:
    """Take the most accurate model, from the nearest that holds all of it, or from the cloud."""
    model = drawing.accuracy.argmax(axis=1)
    rows = np.arange(len(model))
    if from_cloud:
        return Choice(model, SHAREABLE * drawing.size[model] * drawing.distance[drawing.home, -1])
    return Choice(model, np.maximum(*pulls(drawing, shared=False))[rows, model])


def run_all(drawing: Drawing, seed: int) -> dict[str, Score | None]:
    """Score every method; None where there is no solution."""
    rng = np.random.default_rng([seed, 1])
    linear, bargained = relaxation(drawing), relaxation(drawing, bargaining=True)
    apart = relaxation(drawing, shared=False, bargaining=True)
    choices = {
        "optimum": cheapest(drawing),
        "optimum, nothing shared": cheapest(drawing, shared=False),
        "Appro": None if linear is None else drawn(drawing, linear, rng),
        "NBS drawn by its shares": None if bargained is None else drawn(drawing, bargained, rng),
        "NBS, first version": None if apart is None else drawn(drawing, apart, rng, shared=False, lost=1 / 6),
        "NBS, last version": None if bargained is None else drawn(drawing, bargained, rng, lost=1 / 2),
        "NonShare": most_accurate(drawing, from_cloud=False),
        "SC": most_accurate(drawing, from_cloud=True),
    }
    return {name: None if choice is None else score(drawing, choice) for name, choice in choices.items()}

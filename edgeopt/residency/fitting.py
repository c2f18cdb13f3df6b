"""All maximal sets of models that fit on a GPU together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.library import ModelLibrary

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_STEPS = 20_000  # of the search, which could else go on for ever without a set too many


def maximal_sets(
    library: ModelLibrary, models: Sequence[str], memory_bytes: int, most: int
) -> list[tuple[str, ...]] | None:
    """Return every set of models that fits and to which no other model can be added.

    None when there are too many, or when the search for them takes more than 20,000 steps.

    Parameters
    ----------
    library : ModelLibrary
        Its blocks count once.
    models : sequence of str
        The models that may be in a set; one that does not fit alone is in none.
    memory_bytes : int
    most : int
        So many sets are not yet too many.
    """
    names = [model for model in models if library.size_bytes(model) <= memory_bytes]
    sharing = library.restricted(names).sharing
    search = _Search(sharing.incidence.toarray().astype(np.bool_), sharing.atom_bytes, memory_bytes)
    found = search.run(most)
    return None if found is None else [tuple(names[index] for index in sorted(chosen)) for chosen in found]


class _State(NamedTuple):
    """What is decided: models taken, models left although they fit, and models to decide, with the bytes taken."""

    chosen: list[int]
    left: Integers
    open: Integers
    held: Mask


class _Search:
    """Takes or leaves one model after another; what was left must not fit in the end."""

    def __init__(self, incidence: Mask, sizes: Integers, memory: int) -> None:
        self.incidence, self.sizes, self.memory = incidence, sizes, memory

    def run(self, most: int) -> list[list[int]] | None:
        """Return the maximal sets, or None when there are more than `most` or the steps do not suffice."""
        found: list[list[int]] = []
        nothing = np.zeros(len(self.sizes), np.bool_)
        waiting = [_State([], np.empty(0, np.int64), self._by_additional_bytes(), nothing)]
        for _ in range(MOST_STEPS):
            if not waiting or len(found) > most:
                break
            state = waiting.pop()
            left, undecided = self._fitting(state.left, state.held), self._fitting(state.open, state.held)
            united = state.held | self.incidence[undecided].any(axis=0)
            if self.sizes[united].sum() <= self.memory:
                if not len(self._fitting(left, united)):
                    found.append([*state.chosen, *undecided.tolist()])
                continue
            model, rest = int(undecided[0]), undecided[1:]
            waiting.append(_State(state.chosen, np.append(left, model), rest, state.held))
            waiting.append(_State([*state.chosen, model], left, rest, state.held | self.incidence[model]))
        return None if waiting or len(found) > most else found

    def _by_additional_bytes(self) -> Integers:
        """Return all models, those first that add most bytes to larger ones: the others hardly matter after them."""
        added = np.zeros(len(self.incidence), np.int64)
        lacking = np.ones(len(self.sizes), np.bool_)
        for model in np.argsort(-(self.incidence @ self.sizes), kind="stable").tolist():
            added[model] = self.sizes[lacking & self.incidence[model]].sum()
            lacking &= ~self.incidence[model]
        return np.argsort(-added, kind="stable")

    def _fitting(self, models: Integers, held: Mask) -> Integers:
        """Return the models that fit beside the blocks held."""
        more = (self.incidence[models] & ~held) @ self.sizes
        return models[more <= self.memory - self.sizes[held].sum()]

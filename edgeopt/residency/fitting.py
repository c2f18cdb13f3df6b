"""All maximal sets of models that fit on a GPU together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeopt.libraries.library import ModelLibrary

MOST_STEPS = 200_000  # of the search, which could else go on for ever without a set too many


def maximal_sets(
    library: ModelLibrary, models: Sequence[str], memory_bytes: int, most: int
) -> list[tuple[str, ...]] | None:
    """Return every set of models that fits and to which no other model can be added; None when there are too many.

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
    search = _Search(library, names, memory_bytes, most)
    search.extend(0, [], [])
    if search.steps > MOST_STEPS or len(search.found) > most:
        return None
    return [tuple(names[index] for index in chosen) for chosen in search.found]


class _Search:
    """Takes or leaves one model after another; what was left must not fit in the end."""

    def __init__(self, library: ModelLibrary, names: Sequence[str], memory_bytes: int, most: int) -> None:
        sharing = library.restricted(names).sharing
        self.incidence = sharing.incidence.toarray().astype(np.bool_)
        self.sizes, self.memory, self.most = sharing.atom_bytes, memory_bytes, most
        self.found: list[list[int]] = []
        self.steps = 0

    def extend(self, index: int, chosen: list[int], left: list[int]) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS or len(self.found) > self.most:
            return
        everything = self._united([*chosen, *range(index, len(self.incidence))])
        total = int(self.sizes[everything].sum())
        more = (self.incidence[left] & ~everything) @ self.sizes
        if (total + more <= self.memory).any():
            return
        if total <= self.memory:
            self.found.append([*chosen, *range(index, len(self.incidence))])
            return
        if int(self.sizes[self._united([*chosen, index])].sum()) <= self.memory:
            self.extend(index + 1, [*chosen, index], left)
        self.extend(index + 1, chosen, [*left, index])

    def _united(self, models: list[int]) -> NDArray[np.bool_]:
        return np.asarray(self.incidence[models].any(axis=0))

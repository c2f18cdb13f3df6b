"""The least seconds of loading of a tiny `residency` instance: every server that keeps any blocks is tried."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import chain, combinations

from edgeopt.residency.instance import ResidencyInstance


def optimum(instance: ResidencyInstance) -> Fraction | None:
    """Return the least seconds of loading, exactly; None when a model does not fit."""
    needs = [frozenset(instance.library.models[model].blocks) for model in instance.requests]

    def size(blocks: frozenset[str]) -> int:
        return sum(instance.library.blocks[block] for block in blocks)

    @cache
    def least(index: int, resident: frozenset[str]) -> Fraction | None:
        """Least seconds from a request on, what is resident having stayed until then."""
        if index == len(needs):
            return Fraction(0)
        present = resident | needs[index]
        if size(present) > instance.memory_bytes:
            return None
        missing = needs[index] - resident
        seconds = sum((Fraction(instance.load_s[block]) for block in missing), Fraction(0))
        if missing:
            seconds += Fraction(instance.fixed_s.get(instance.requests[index], 0.0))
        after = [least(index + 1, frozenset(kept)) for kept in _subsets(present)]
        possible = [value for value in after if value is not None]
        return seconds + min(possible) if possible else None

    return least(0, frozenset())


def _subsets(blocks: frozenset[str]) -> chain[tuple[str, ...]]:
    ordered = sorted(blocks)
    return chain.from_iterable(combinations(ordered, count) for count in range(len(ordered) + 1))

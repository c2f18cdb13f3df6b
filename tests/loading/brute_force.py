"""The optimum of a tiny `loading` instance by enumeration in exact arithmetic.

It sees the plain instance only, and assumes nothing of what makes methods fast: every set of users, every sequence
of batches of any size, models revisited at will. Numbers count as the decimals that they are written as.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import combinations

from edgeopt.loading.instance import LoadingInstance

State = tuple[str | None, frozenset[str]]


def optimum(instance: LoadingInstance) -> int:
    """Return the largest number of users that can be served in time."""
    for number in range(len(instance.users), 0, -1):
        if any(can_serve(instance, users) for users in subsets(instance.users, number)):
            return number
    return 0


def subsets(users: Iterable[str], number: int) -> Iterator[frozenset[str]]:
    """All sets of so many users."""
    yield from map(frozenset, combinations(users, number))


def upload_s(instance: LoadingInstance, users: frozenset[str]) -> Fraction:
    """Return the least length of the upload phase of these users."""
    bandwidth = written(instance.bandwidth_hz)
    return sum(
        (
            written(instance.users[user].upload_bits) / (written(instance.users[user].spectral_efficiency) * bandwidth)
            for user in users
        ),
        Fraction(0),
    )


def can_serve(instance: LoadingInstance, users: frozenset[str]) -> bool:
    """Whether some sequence of batches serves exactly these users, each by its deadline."""
    start = upload_s(instance, users)
    latest = {user: written(instance.users[user].deadline_s) for user in users}
    if any(start > deadline for deadline in latest.values()):
        return False
    earliest: dict[State, Fraction] = {(None, frozenset()): start}
    # Batches only add users, so states by number of served users are final once all smaller ones are expanded.
    for served_number in range(len(users)):
        for (loaded, served), time in [(s, t) for s, t in earliest.items() if len(s[1]) == served_number]:
            for model, batch in batches(instance, users - served):
                end = time + batch_s(instance, loaded, model, len(batch))
                state = (model, served | batch)
                in_time = all(end <= latest[user] for user in batch)
                if in_time and (state not in earliest or end < earliest[state]):
                    earliest[state] = end
    return any(served == users for _, served in earliest)


def batches(instance: LoadingInstance, waiting: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """All batches of waiting users of one model that memory holds."""
    for name, model in instance.library.models.items():
        mine = sorted(user for user in waiting if instance.users[user].model == name)
        size = sum(instance.library.blocks[block] for block in model.blocks)
        for number in range(1, len(mine) + 1):
            if size + (model.workspace_bytes_per_sample or 0) * number <= instance.server.memory_bytes:
                for users in subsets(mine, number):
                    yield name, users


def batch_s(instance: LoadingInstance, loaded: str | None, name: str, number: int) -> Fraction:
    """Seconds to load the blocks that the model before did not leave, and to compute the batch."""
    model = instance.library.models[name]
    kept = set(instance.library.models[loaded].blocks) if loaded is not None else set()
    missing = sum(instance.library.blocks[block] for block in model.blocks if block not in kept)
    computing = written(model.compute_fixed_s or 0.0) + written(model.compute_per_sample_s or 0.0) * number
    return Fraction(missing) / written(instance.server.load_rate_bytes_per_s) + computing


def written(value: float) -> Fraction:
    """The decimal number that a float is written as."""
    return Fraction(repr(value))

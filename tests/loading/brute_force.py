"""The optimum of a tiny `loading` instance by enumeration in exact arithmetic.

It sees the plain instance only, and assumes nothing of what makes methods fast: every set of users, every sequence
of batches of any size, models revisited at will, every eviction, every order of uploads. Numbers count as the
decimals that they are written as.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from itertools import chain, combinations, permutations

from edgeopt.loading.instance import LoadingInstance

State = tuple[frozenset[str], frozenset[str]]  # blocks on the GPU, users served


def heaviest(instance: LoadingInstance) -> Fraction:
    """Return the largest sum of weights of users that can be served in time."""
    sets = [users for number in range(len(instance.users) + 1) for users in subsets(instance.users, number)]
    weight = {users: sum((written(instance.users[user].weight) for user in users), Fraction(0)) for users in sets}
    return next(weight[users] for users in sorted(sets, key=lambda users: -weight[users]) if can_serve(instance, users))


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
    if instance.upload == "phase":
        start = upload_s(instance, users)
        return can_serve_after(instance, dict.fromkeys(users, start), start)
    return any(can_serve_after(instance, in_turn(instance, order), Fraction(0)) for order in permutations(users))


def in_turn(instance: LoadingInstance, order: tuple[str, ...]) -> dict[str, Fraction]:
    """When each user has uploaded, if they upload one after another with the whole band."""
    return {user: upload_s(instance, frozenset(order[: number + 1])) for number, user in enumerate(order)}


def can_serve_after(instance: LoadingInstance, uploaded: dict[str, Fraction], start: Fraction) -> bool:
    """Whether all these users can be served by a server that starts at `start`, none before it has uploaded."""
    users = frozenset(uploaded)
    latest = {user: written(instance.users[user].deadline_s) for user in users}
    if any(uploaded[user] > latest[user] for user in users):
        return False
    earliest: dict[State, Fraction] = {(frozenset(), frozenset()): start}
    # Batches only add users, so states by number of served users are final once all smaller ones are expanded.
    for served_number in range(len(users)):
        for (on_gpu, served), time in [(s, t) for s, t in earliest.items() if len(s[1]) == served_number]:
            for model, batch in batches(instance, users - served):
                for kept in remains(instance, on_gpu, model, len(batch)):
                    blocks = frozenset(instance.library.models[model].blocks)
                    loaded = time + load_s(instance, blocks - kept)
                    end = max(loaded, *(uploaded[user] for user in batch)) + compute_s(instance, model, len(batch))
                    state = (kept | blocks, served | batch)
                    in_time = all(end <= latest[user] for user in batch)
                    if in_time and (state not in earliest or end < earliest[state]):
                        earliest[state] = end
    return any(served == users for _, served in earliest)


def remains(instance: LoadingInstance, on_gpu: frozenset[str], name: str, number: int) -> Iterator[frozenset[str]]:
    """Every set of blocks that may stay on the GPU when a batch of this model comes."""
    model, size = instance.library.models[name], instance.library.blocks
    if instance.retention == "consecutive":
        yield on_gpu & frozenset(model.blocks)
        return
    workspace = (model.workspace_bytes_per_sample or 0) * number
    for kept in chain.from_iterable(subsets(on_gpu, count) for count in range(len(on_gpu) + 1)):
        if sum(size[block] for block in kept | set(model.blocks)) + workspace <= instance.server.memory_bytes:
            yield kept


def batches(instance: LoadingInstance, waiting: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """All batches of waiting users of one model that memory holds."""
    for name, model in instance.library.models.items():
        mine = sorted(user for user in waiting if instance.users[user].model == name)
        size = sum(instance.library.blocks[block] for block in model.blocks)
        for number in range(1, len(mine) + 1):
            if size + (model.workspace_bytes_per_sample or 0) * number <= instance.server.memory_bytes:
                for users in subsets(mine, number):
                    yield name, users


def load_s(instance: LoadingInstance, blocks: Iterable[str]) -> Fraction:
    """Seconds to load these blocks."""
    return Fraction(sum(instance.library.blocks[block] for block in blocks)) / written(
        instance.server.load_rate_bytes_per_s
    )


def compute_s(instance: LoadingInstance, name: str, number: int) -> Fraction:
    """Seconds to compute a batch."""
    model = instance.library.models[name]
    return written(model.compute_fixed_s or 0.0) + written(model.compute_per_sample_s or 0.0) * number


@cache
def written(value: float) -> Fraction:
    """The decimal number that a float is written as."""
    return Fraction(repr(value))

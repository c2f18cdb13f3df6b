"""The optimum of a tiny `loading` instance by enumeration in exact arithmetic.

It sees the plain instance only, and assumes nothing of what makes methods fast: every set of users, every sequence
of batches of any size, models revisited at will, every eviction, every order of uploads. Numbers count as the
decimals that they are written as.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from itertools import accumulate, chain, combinations, permutations
from math import lcm

from edgeopt.loading.instance import LoadingInstance

State = tuple[frozenset[str], frozenset[str]]  # blocks on the GPU, users served, or waiting
Step = tuple[frozenset[str], frozenset[str], int, int, int]  # blocks then, the batch; its load, compute, deadline


class Times:
    """The times of an instance, each computed once, as whole numbers of a unit that divides them all."""

    def __init__(self, instance: LoadingInstance) -> None:
        self.instance = instance
        latest = {user: written(facts.deadline_s) for user, facts in instance.users.items()}
        upload = {user: upload_s(instance, frozenset([user])) for user in instance.users}
        parts = [1 / written(instance.server.load_rate_bytes_per_s), *latest.values(), *upload.values()]
        parts += [compute_s(instance, name, number) for name in instance.library.models for number in (0, 1)]
        self.unit = lcm(*(part.denominator for part in parts))
        self.byte = int(parts[0] * self.unit)
        self.latest = {user: int(time * self.unit) for user, time in latest.items()}
        self.upload = {user: int(time * self.unit) for user, time in upload.items()}
        self._steps: dict[State, list[Step]] = {}

    def steps(self, on_gpu: frozenset[str], waiting: frozenset[str]) -> list[Step]:
        """Return every batch that may come next, with what it leaves on the GPU and how long it takes."""
        if (on_gpu, waiting) not in self._steps:
            self._steps[on_gpu, waiting] = list(self._all_steps(on_gpu, waiting))
        return self._steps[on_gpu, waiting]

    def _all_steps(self, on_gpu: frozenset[str], waiting: frozenset[str]) -> Iterator[Step]:
        for model, batch in batches(self.instance, waiting):
            blocks = frozenset(self.instance.library.models[model].blocks)
            compute = int(compute_s(self.instance, model, len(batch)) * self.unit)
            due = min(self.latest[user] for user in batch)
            for kept in remains(self.instance, on_gpu, model, len(batch)):
                load = sum(self.instance.library.blocks[block] for block in blocks - kept) * self.byte
                yield kept | blocks, batch, load, compute, due


def heaviest(instance: LoadingInstance) -> Fraction:
    """Return the largest sum of weights of users that can be served in time."""
    times = Times(instance)
    sets = [users for number in range(len(instance.users) + 1) for users in subsets(instance.users, number)]
    weight = {users: sum((written(instance.users[user].weight) for user in users), Fraction(0)) for users in sets}
    return next(weight[users] for users in sorted(sets, key=lambda users: -weight[users]) if served(times, users))


def optimum(instance: LoadingInstance) -> int:
    """Return the largest number of users that can be served in time."""
    times = Times(instance)
    for number in range(len(instance.users), 0, -1):
        if any(served(times, users) for users in subsets(instance.users, number)):
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
    return served(Times(instance), users)


def served(times: Times, users: frozenset[str]) -> bool:
    """Whether some sequence of batches serves exactly these users, each by its deadline."""
    if times.instance.upload == "phase":
        start = sum(times.upload[user] for user in users)
        return served_after(times, dict.fromkeys(users, start), start)
    return any(served_after(times, in_turn(times, order), 0) for order in permutations(users))


def in_turn(times: Times, order: tuple[str, ...]) -> dict[str, int]:
    """When each user has uploaded, if they upload one after another with the whole band."""
    return dict(zip(order, accumulate(times.upload[user] for user in order), strict=True))


def served_after(times: Times, uploaded: dict[str, int], start: int) -> bool:
    """Whether all these users can be served by a server that starts at `start`, none before it has uploaded."""
    users = frozenset(uploaded)
    if any(uploaded[user] > times.latest[user] for user in users):
        return False
    earliest: dict[State, int] = {(frozenset(), frozenset()): start}
    # Batches only add users, so states by number of served users are final once all smaller ones are expanded.
    for served_number in range(len(users)):
        for (on_gpu, done), time in [(s, t) for s, t in earliest.items() if len(s[1]) == served_number]:
            for after, batch, load, compute, due in times.steps(on_gpu, users - done):
                end = max(time + load, *(uploaded[user] for user in batch)) + compute
                state = (after, done | batch)
                if end <= due and (state not in earliest or end < earliest[state]):
                    earliest[state] = end
    return any(done == users for _, done in earliest)


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

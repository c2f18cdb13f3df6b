"""The optimum of a tiny stream in exact arithmetic, by the least end for each served set and content of the GPU.

It sees the plain instance only, and assumes two things that docs/streams-proofs.md proves and `ticks.py` does not
assume: that uploads in the order of the batches lose nothing, so that a set of users is uploaded at C(S), and that a
batch begins as soon as it can. Else it tries all sequences of batches of any users, models visited at will, every
eviction, every set of blocks loaded ahead. Numbers count as the decimals that they are written as.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from heapq import heappop, heappush
from itertools import chain, count

from edgeopt.loading.instance import LoadingInstance
from tests.loading.brute_force import compute_s, load_s, subsets, upload_s, written

Blocks = frozenset[str]
State = tuple[frozenset[str], Blocks, str | None]  # users served, blocks on the GPU, the model that has to come next


def stream_optimum(instance: LoadingInstance) -> int:
    """Return the largest number of users that can be served in time."""
    return max(map(len, servable(instance)))


def heaviest_stream(instance: LoadingInstance) -> Fraction:
    """Return the largest sum of weights of users that can be served in time."""
    return max(
        sum((written(instance.users[user].weight) for user in users), Fraction(0)) for users in servable(instance)
    )


def servable(instance: LoadingInstance) -> set[frozenset[str]]:
    """Return every set of users that can be served in time."""
    start: State = (frozenset(), frozenset(), None)
    least: dict[State, Fraction] = {start: Fraction(0)}
    done: set[State] = set()
    ties = count()
    heap = [(Fraction(0), next(ties), start)]
    while heap:
        time, _, state = heappop(heap)
        if state in done:
            continue
        done.add(state)
        for reached, end in steps(instance, state, time):
            if reached not in least or end < least[reached]:
                least[reached] = end
                heappush(heap, (end, next(ties), reached))
    return {served for served, _, _ in least}


def steps(instance: LoadingInstance, state: State, time: Fraction) -> Iterator[tuple[State, Fraction]]:
    """Every batch that may come next, with when the GPU is free again."""
    served, on_gpu, following = state
    for model, batch in batches(instance, served, following):
        blocks = frozenset(instance.library.models[model].blocks)
        for kept in remains(instance, on_gpu, model, len(batch)):
            start = time + load_s(instance, blocks - kept)
            if batch:
                start = max(start, uploaded_s(instance, served | batch))
            end = start + (compute_s(instance, model, len(batch)) if batch else 0)
            if any(end > written(instance.users[user].deadline_s) for user in batch):
                continue
            yield (served | batch, kept | blocks, None), end
            if instance.prefetch == "next":
                for after, ahead in ahead_of_turn(instance, model, kept | blocks, len(batch)):
                    free = max(end, start + load_s(instance, ahead))
                    yield (served | batch, kept | blocks | ahead, after), free


def batches(
    instance: LoadingInstance, served: frozenset[str], following: str | None
) -> Iterator[tuple[str, frozenset[str]]]:
    """All sets of users of one model who are not served; nobody, where that loads a model."""
    for model in instance.library.models if following is None else [following]:
        mine = sorted(user for user in instance.users if instance.users[user].model == model and user not in served)
        for number in range(0 if instance.prefetch == "idle" else 1, len(mine) + 1):
            for users in subsets(mine, number):
                yield model, users


def remains(instance: LoadingInstance, on_gpu: Blocks, model: str, number: int) -> Iterator[Blocks]:
    """Every set of blocks that may stay on the GPU when a batch of this model comes."""
    blocks = frozenset(instance.library.models[model].blocks)
    if instance.retention == "consecutive":
        choices: Iterator[Blocks] = iter([on_gpu & blocks])
    else:
        choices = chain.from_iterable(subsets(on_gpu, size) for size in range(len(on_gpu) + 1))
    return (kept for kept in choices if fits(instance, model, kept | blocks, number))


def ahead_of_turn(instance: LoadingInstance, model: str, on_gpu: Blocks, number: int) -> Iterator[tuple[str, Blocks]]:
    """Every set of blocks of every model that may be loaded while a batch of this model computes."""
    for after, facts in instance.library.models.items():
        absent = sorted(set(facts.blocks) - on_gpu)
        for size in range(1, len(absent) + 1):
            for ahead in subsets(absent, size):
                if fits(instance, model, on_gpu | ahead, number):
                    yield after, ahead


def fits(instance: LoadingInstance, model: str, blocks: Blocks, number: int) -> bool:
    """Whether memory holds these blocks beside a batch of so many."""
    workspace = instance.library.models[model].workspace_bytes_per_sample or 0
    size = sum(instance.library.blocks[block] for block in blocks)
    return size + workspace * number <= instance.server.memory_bytes


def uploaded_s(instance: LoadingInstance, users: frozenset[str]) -> Fraction:
    """Return when all these users can have uploaded: what arrives from some time on needs the band after it."""
    arrivals = {user: written(instance.users[user].arrival_s) for user in users}
    return max(
        since + upload_s(instance, frozenset(user for user in users if arrivals[user] >= since))
        for since in arrivals.values()
    )

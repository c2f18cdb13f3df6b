"""The optimum of a tiny stream of whole numbers, by everything that can be done in each tick of time.

It assumes nothing but that things begin and end at whole seconds: in every second some user who is there uploads, or
nobody does; the GPU waits, or begins to load any model, to evict any blocks, to compute any batch of those who have
uploaded, and to load any blocks of any next model beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from edgeopt.loading.instance import LoadingInstance
from tests.loading.brute_force import subsets

Blocks = frozenset[str]
FREE, LOADING, LOADED, COMPUTING = range(4)


class Moment(NamedTuple):
    """What there is at some time.

    Attributes
    ----------
    left : tuple of int
        Seconds that each user still has to upload.
    served : frozenset of str
    on_gpu : frozenset of str
        While it loads, already what will be there.
    doing : int
    model : str
        What is loaded, or computes; of a free GPU what has to come next, empty for anything.
    busy, ahead : int
        Seconds until it has loaded or computed, and until the blocks of the next model are there.
    after : str
        What was loaded beside the batch, which has to come next.
    """

    left: tuple[int, ...]
    served: frozenset[str]
    on_gpu: Blocks
    doing: int = FREE
    model: str = ""
    busy: int = 0
    ahead: int = 0
    after: str = ""


def ticked_optimum(instance: LoadingInstance) -> int:
    """Return the largest number of users that can be served in time."""
    assert instance.server.load_rate_bytes_per_s == 1
    names = list(instance.users)
    left = tuple(_whole(instance.upload_s(user)) for user in names)
    now = {Moment(left, frozenset(), frozenset())}
    best = 0
    for time in range(max((_whole(user.deadline_s) for user in instance.users.values()), default=0) + 1):
        now = _closure(instance, names, now, time)
        best = max(best, *(len(moment.served) for moment in now))
        now = {later for moment in now for later in _seconds(instance, names, moment, time)}
    return best


def _whole(value: float | None) -> int:
    assert (value or 0) == int(value or 0)
    return int(value or 0)


def _closure(instance: LoadingInstance, names: list[str], now: set[Moment], time: int) -> set[Moment]:
    """All that can be had at this time by beginning things, some of which take no time."""
    reached, fresh = set(now), list(now)
    while fresh:
        for moment in _begin(instance, names, fresh.pop(), time):
            if moment not in reached:
                reached.add(moment)
                fresh.append(moment)
    return reached


def _begin(instance: LoadingInstance, names: list[str], moment: Moment, time: int) -> Iterator[Moment]:
    if moment.doing == COMPUTING and moment.busy == moment.ahead == 0:
        yield moment._replace(doing=FREE, model=moment.after, after="")
    elif moment.doing == LOADING and moment.busy == 0:
        yield moment._replace(doing=LOADED)
    elif moment.doing == FREE:
        for model in [moment.model] if moment.model else instance.library.models:
            blocks = frozenset(instance.library.models[model].blocks)
            for kept in _remains(instance, moment.on_gpu, blocks):
                size = _size(instance, blocks - kept)
                yield moment._replace(on_gpu=kept | blocks, doing=LOADING, model=model, busy=size)
    elif moment.doing == LOADED:
        if instance.prefetch == "idle" and _size(instance, moment.on_gpu) <= instance.server.memory_bytes:
            yield moment._replace(doing=FREE, model="")
        yield from _batches(instance, names, moment, time)


def _batches(instance: LoadingInstance, names: list[str], moment: Moment, time: int) -> Iterator[Moment]:
    facts = instance.library.models[moment.model]
    there = [
        name
        for name, left in zip(names, moment.left, strict=True)
        if instance.users[name].model == moment.model
        and name not in moment.served
        and left == 0
        and instance.users[name].arrival_s <= time
    ]
    for number in range(1, len(there) + 1):
        seconds = _whole(facts.compute_fixed_s) + number * _whole(facts.compute_per_sample_s)
        for users in subsets(there, number):
            if any(time + seconds > instance.users[name].deadline_s for name in users):
                continue
            for after, ahead in _ahead(instance, moment.on_gpu):
                held = _size(instance, moment.on_gpu | ahead) + number * _whole(facts.workspace_bytes_per_sample)
                if held <= instance.server.memory_bytes:
                    yield moment._replace(
                        served=moment.served | users,
                        on_gpu=moment.on_gpu | ahead,
                        doing=COMPUTING,
                        busy=seconds,
                        ahead=_size(instance, ahead),
                        after=after,
                    )


def _remains(instance: LoadingInstance, on_gpu: Blocks, blocks: Blocks) -> Iterator[Blocks]:
    if instance.retention == "consecutive":
        return iter([on_gpu & blocks])
    return chain.from_iterable(subsets(on_gpu, number) for number in range(len(on_gpu) + 1))


def _ahead(instance: LoadingInstance, on_gpu: Blocks) -> Iterator[tuple[str, Blocks]]:
    yield "", frozenset()
    if instance.prefetch == "next":
        for model, facts in instance.library.models.items():
            absent = set(facts.blocks) - on_gpu
            for number in range(1, len(absent) + 1):
                for ahead in subsets(absent, number):
                    yield model, ahead


def _size(instance: LoadingInstance, blocks: Blocks) -> int:
    return sum(instance.library.blocks[block] for block in blocks)


def _seconds(instance: LoadingInstance, names: list[str], moment: Moment, time: int) -> Iterator[Moment]:
    """Let a second pass, with every use of the radio."""
    later = moment._replace(busy=max(0, moment.busy - 1), ahead=max(0, moment.ahead - 1))
    yield later
    for number, (name, left) in enumerate(zip(names, moment.left, strict=True)):
        if left and instance.users[name].arrival_s <= time:
            yield later._replace(left=(*moment.left[:number], left - 1, *moment.left[number + 1 :]))

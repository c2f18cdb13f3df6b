"""What loses on streams: rules of thumb, each with the smallest stream that we know on which it serves fewer.

`python -m tests.loading.streams.not_free FILE.png` draws them. Sequences are enumerated under a rule, with consecutive
retention and nothing loaded ahead; all numbers are whole. A rule says when a batch starts, or that it does not come.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, NamedTuple

from edgeopt.loading.bandwidths import radio
from edgeopt.loading.instance import LoadingInstance
from tests.loading.brute_force import subsets
from tests.loading.streams.by_hand import stream_of

Batch = tuple[str, tuple[str, ...]]


class Step(NamedTuple):
    """A batch that may come next, and what there is before it.

    Attributes
    ----------
    instance : LoadingInstance
    before : tuple of Batch
    time : float
        When the GPU is free.
    model : str
    users : frozenset of str
    loaded_s, start_s : float
    """

    instance: LoadingInstance
    before: tuple[Batch, ...]
    time: float
    model: str
    users: frozenset[str]
    loaded_s: float
    start_s: float

    @property
    def served(self) -> frozenset[str]:
        """Who was served before."""
        return frozenset(user for _, users in self.before for user in users)

    def others(self) -> Iterator[str]:
        """Who is not served, nor in the batch."""
        return (user for user in self.instance.users if user not in self.served | self.users)

    def alone_s(self, user: str) -> float:
        """When a user would be served if it came next."""
        model, last = self.instance.users[user].model, self.before[-1][0] if self.before else None
        loaded = self.time + load_s(self.instance, last, model)
        return max(loaded, uploaded_s(self.instance, self.served | {user})) + compute_s(self.instance, model, 1)


Rule = Callable[[Step], float | None]


def _allowing(allows: Callable[[Step], bool]) -> Rule:
    """Make the rule by which batches come next that some condition allows, and start as soon as they can."""

    @wraps(allows)
    def rule(step: Step) -> float | None:
        return step.start_s if allows(step) else None

    return rule


@_allowing
def visits_once(step: Step) -> bool:
    """A model is visited once."""
    return step.before[-1:] == () or step.before[-1][0] == step.model or step.model not in dict(step.before)


@_allowing
def takes_everybody(step: Step) -> bool:
    """Who is there when the batch starts joins it, if all are still in time."""
    if len(step.users) == (step.instance.capacity(step.model) or len(step.instance.users)):
        return True
    end = step.start_s + compute_s(step.instance, step.model, len(step.users) + 1)
    return not any(
        step.instance.users[user].model == step.model
        and uploaded_s(step.instance, step.served | step.users | {user}) <= step.start_s
        and all(end <= step.instance.users[each].deadline_s for each in step.users | {user})
        for user in step.others()
    )


@_allowing
def never_waits(step: Step) -> bool:
    """The GPU does not wait while somebody is there who can be served in time."""
    facts = step.instance.users
    return step.start_s == step.loaded_s or not any(
        uploaded_s(step.instance, step.served | {user}) <= step.time and step.alone_s(user) <= facts[user].deadline_s
        for user in facts
        if user not in step.served
    )


def loads_for_somebody(step: Step) -> float:
    """A model is loaded once a user of the batch is there, and not before."""
    first = min(step.instance.users[user].arrival_s for user in step.users)
    return max(step.start_s, max(step.time, first) + step.loaded_s - step.time)


@_allowing
def earliest_due(step: Step) -> bool:
    """A batch takes the earliest due of those who have arrived and can be served in time."""
    facts = step.instance.users
    last = max(facts[user].deadline_s for user in step.users)
    return not any(
        facts[user].model == step.model
        and facts[user].arrival_s <= step.start_s
        and facts[user].deadline_s < last
        and step.alone_s(user) <= facts[user].deadline_s
        for user in step.others()
    )


def uploads_in_turn(step: Step) -> float:
    """Users upload one after another in the order of the batches, of one batch by arrival, and nobody interrupts."""
    batches = (*(users for _, users in step.before), tuple(step.users))
    return max(step.loaded_s, *(end for _, _, end in in_turn(step.instance, batches)))


def in_turn(instance: LoadingInstance, batches: Iterable[Iterable[str]]) -> Iterator[tuple[str, float, float]]:
    """Say when each user uploads if nobody interrupts."""
    done = 0.0
    for users in batches:
        for user in sorted(users, key=lambda user: instance.users[user].arrival_s):
            start = max(done, instance.users[user].arrival_s)
            done = start + instance.upload_s(user)
            yield user, start, done


def uploaded_s(instance: LoadingInstance, users: frozenset[str]) -> float:
    """Return C of a set of users."""
    facts = instance.users
    return max(
        facts[first].arrival_s
        + sum(instance.upload_s(user) for user in users if facts[user].arrival_s >= facts[first].arrival_s)
        for first in users
    )


def load_s(instance: LoadingInstance, last: str | None, model: str) -> float:
    """Seconds to load a model after another."""
    library = instance.library
    held = set(library.models[last].blocks) if last else set()
    missing = sum(library.blocks[block] for block in library.models[model].blocks if block not in held)
    return missing / instance.server.load_rate_bytes_per_s


def compute_s(instance: LoadingInstance, model: str, number: int) -> float:
    """Seconds to compute a batch."""
    facts = instance.library.models[model]
    return (facts.compute_fixed_s or 0.0) + (facts.compute_per_sample_s or 0.0) * number


def sequences(
    instance: LoadingInstance, rule: Rule, before: tuple[Batch, ...] = (), time: float = 0.0
) -> Iterator[tuple[Batch, ...]]:
    """Every sequence of batches in time in which each is as the rule wants it."""
    yield before
    last, served = before[-1][0] if before else None, {user for _, users in before for user in users}
    for model in instance.library.models:
        mine = sorted(user for user in instance.users if instance.users[user].model == model and user not in served)
        limit = instance.capacity(model)
        for number in range(1, len(mine) + 1 if limit is None else min(limit, len(mine)) + 1):
            for users in subsets(mine, number):
                loaded = time + load_s(instance, last, model)
                start = max(loaded, uploaded_s(instance, users | served))
                wanted = rule(Step(instance, before, time, model, users, loaded, start))
                if wanted is None:
                    continue
                end = wanted + compute_s(instance, model, number)
                if all(end <= instance.users[user].deadline_s for user in users):
                    yield from sequences(instance, rule, (*before, (model, tuple(sorted(users)))), end)


def freely(step: Step) -> float:
    """Any batch may come next, and starts as soon as it can."""
    return step.start_s


def best_plan(instance: LoadingInstance, rule: Rule = freely) -> dict[str, Any]:
    """Return a plan that serves most users of those that are as the rule wants them."""
    best = max(sequences(instance, rule), key=lambda batches: sum(len(users) for _, users in batches))
    batches, before, time = [], best[:0], 0.0
    for model, users in best:
        served = {user for _, earlier in before for user in earlier}
        loaded = time + load_s(instance, before[-1][0] if before else None, model)
        start = max(loaded, uploaded_s(instance, frozenset(served | set(users))))
        wanted = rule(Step(instance, before, time, model, frozenset(users), loaded, start))
        late = {"start_s": wanted} if wanted > start else {}
        batches.append({"model": model, "users": list(users), **late})
        before, time = (*before, (model, users)), wanted + compute_s(instance, model, len(users))
    if rule is uploads_in_turn:
        timed = in_turn(instance, [users for _, users in best])
        return {
            "batches": batches,
            "uploads": {user: [start, end, instance.bandwidth_hz] for user, start, end in timed},
        }
    return {"batches": batches, **radio(instance, [user for _, users in best for user in users])}


def small(
    users: list[tuple[str, int, int, int]], keys: dict[str, tuple[int, int, int]], sizes: dict[str, int]
) -> LoadingInstance:
    """Make a stream: of each user model, arrival, deadline and upload, of each model a, b and its largest batch.

    Each model has one block, which models of one name with another digit share.
    """
    largest = max(sizes.values())
    return stream_of(
        {name: [name[0]] for name in keys},
        {
            f"u{number}": {"model": model, "arrival_s": arrival, "deadline_s": deadline, "upload_bits": float(upload)}
            for number, (model, arrival, deadline, upload) in enumerate(users, 1)
        },
        sizes=sizes,
        model_keys={
            name: {
                "compute_fixed_s": float(fixed),
                "compute_per_sample_s": float(sample),
                "workspace_bytes_per_sample": 6 // batch,
            }
            for name, (fixed, sample, batch) in keys.items()
        },
        memory_bytes=largest + 6,
        bandwidth_hz=1.0,
    )


NOT_FREE: dict[str, tuple[LoadingInstance, Rule]] = {
    "each model visited once": (
        small([("m1", 3, 7, 0), ("m2", 0, 5, 0), ("m1", 0, 3, 0)], {"m1": (1, 0, 3), "m2": (3, 0, 1)}, {"m": 1}),
        visits_once,
    ),
    "everybody there joins the batch": (
        small([("m", 1, 7, 0), ("m", 1, 6, 0), ("m", 3, 5, 0)], {"m": (1, 1, 2)}, {"m": 1}),
        takes_everybody,
    ),
    "no waiting while somebody can be served": (
        small([("m", 0, 7, 0), ("m", 2, 4, 0)], {"m": (1, 1, 3)}, {"m": 1}),
        never_waits,
    ),
    "loading once somebody of the batch is there": (
        small([("m", 1, 4, 0), ("m", 1, 3, 0)], {"m": (1, 0, 2)}, {"m": 2}),
        loads_for_somebody,
    ),
    "with radio, the earliest due of those there": (
        small([("m", 1, 7, 0), ("m", 2, 6, 2)], {"m": (1, 1, 1)}, {"m": 2}),
        earliest_due,
    ),
    "uploads in batch order without interruption": (
        small([("m", 4, 9, 2), ("m", 5, 8, 2)], {"m": (1, 0, 1)}, {"m": 1}),
        uploads_in_turn,
    ),
}


def draw(path: str) -> None:
    """Draw the best plan of each stream above the best under the rule."""
    from edgeopt.drawing.picture import Picture
    from edgeopt.loading.figures import plot_plan

    figure = Picture(figsize=(9.5, 11.0), layout="constrained")
    axes = figure.subplots(len(NOT_FREE), 2, squeeze=False)
    for row, (name, (instance, rule)) in zip(axes, NOT_FREE.items(), strict=True):
        for ax, plan, what in zip(row, (best_plan(instance), best_plan(instance, rule)), ("best", name), strict=True):
            plot_plan(instance, plan, ax)
            served = sum(len(batch["users"]) for batch in plan["batches"])
            ax.set_title(f"{what}: {served} of {len(instance.users)} users", fontsize=10, loc="left")
            ax.get_legend().remove()
            ax.set_xlim(0, max(user.deadline_s for user in instance.users.values()) * 1.02)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    draw(sys.argv[1])

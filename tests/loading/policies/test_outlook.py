"""The rolling policy against enumeration of all sequences of what waits."""

from __future__ import annotations

import pytest

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.outlook import Rolling
from edgeopt.loading.policies.policy import Load, View, Wait
from edgeopt.loading.policies.simulation import simulate
from tests.amounts import some_or_many
from tests.loading.policies.streams import random_stream

Waiting = dict[str, list[float]]  # deadlines by model, increasing
BATCHES = 3


class CheckedRolling(Rolling):
    """A rolling policy whose answers are compared with the best of all sequences: three batches of four models."""

    def __init__(self, stream: LoadingInstance) -> None:
        super().__init__(batches=BATCHES, width=64)
        self.stream, self.compared = stream, 0

    def decide(self, view: View) -> Load | Wait:
        answer = super().decide(view)
        seen = view.waiting()
        waiting: Waiting = {name: [] for name in view.model_names}
        for model, due in zip(seen.model.tolist(), seen.due_s.tolist(), strict=True):
            waiting[view.model_names[model]].append(due)
        rates = {
            model: max(rate for first, rate in sequences(self.stream, view, waiting) if first == model)
            for model in view.model_names
            if view.batch[view.model_names.index(model)]
        }
        assert isinstance(answer, Load)
        assert rates[view.model_names[answer.model]] == pytest.approx(max(rates.values()))
        self.compared += len(rates) > 1
        return answer


def sequences(stream: LoadingInstance, view: View, waiting: Waiting) -> list[tuple[str, float]]:
    """Return the first model of each sequence that cannot go on or is long enough, and its users for each second."""
    found: list[tuple[str, float]] = []

    def go_on(resident: set[str], now: float, waiting: Waiting, served: int, path: list[str]) -> None:
        longer = False
        for model in waiting if len(path) < BATCHES else ():
            facts = stream.library.models[model]
            missing = sum(stream.library.blocks[block] for block in facts.blocks if block not in resident)
            start = now + missing / stream.server.load_rate_bytes_per_s
            taken, end = largest(stream, model, waiting[model], start)
            if taken:
                longer = True
                left = list(waiting[model])
                for due in taken:
                    left.remove(due)
                go_on(set(facts.blocks), end, {**waiting, model: left}, served + len(taken), [*path, model])
        if path and not longer:
            found.append((path[0], served / max(now - view.free_s, 1e-30)))

    go_on(view.on_gpu(), view.free_s, waiting, 0, [])
    return found


def largest(stream: LoadingInstance, model: str, dues: list[float], start: float) -> tuple[list[float], float]:
    facts, limit = stream.library.models[model], stream.capacity(model)
    for number in range(len(dues) if limit is None else min(limit, len(dues)), 0, -1):
        end = start + (facts.compute_fixed_s + facts.compute_per_sample_s * number)
        fitting = [due for due in dues if due >= end]
        if len(fitting) >= number:
            return fitting[:number], end
    return [], start


@some_or_many(20, 60)
def test_the_first_batch_is_that_of_the_best_sequence(numbers: range) -> None:
    compared = 0
    for seed in numbers:
        stream = random_stream(seed, silent=True, users=12)
        policy = CheckedRolling(stream)
        simulate(stream, policy)
        compared += policy.compared
    assert compared > len(numbers)

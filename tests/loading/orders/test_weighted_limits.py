"""The exact method for weights within its limits, and what it knows of users before it begins."""

from __future__ import annotations

from itertools import product

import pytest

import edgeopt
from edgeopt.loading import queues
from edgeopt.loading.orders import weighted_exact
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Options, Run
from tests.loading.random_instances import random_instance
from tests.loading.weights import drawn_weights


def test_no_program_is_stated_for_which_no_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a limit the same instance is proved; with one the search has all the time, and nothing is proved."""
    instance = drawn_weights(random_instance(0, models=3, users=6), "whole", 0)
    monkeypatch.setattr(weighted_exact, "BUILDING_S", 1e9)
    best = edgeopt.solve(instance, "exact", threads=1)
    assert 0 < best.objective < sum(user.weight for user in instance.users.values())
    monkeypatch.setattr(weighted_exact, "Proof", None)
    solution = edgeopt.solve(instance, "exact", time_limit=1e6, threads=1)
    assert (best.status, solution.status, solution.stopped) == ("optimal", "feasible", "time_limit")
    assert solution.objective <= best.objective <= solution.bound


def test_the_program_tells_the_plans_that_it_finds() -> None:
    """From nobody served there are several, and the last is the best."""
    instance = drawn_weights(random_instance(3, models=5, users=20), "whole", 3)
    seen: list[edgeopt.Progress] = []
    run = Run(Options(seed=1), progress=seen.append)
    proof = weighted_exact.Proof(compile_workload(instance), run, {"batches": []})
    proof.branch()
    told = [progress for progress in seen if progress.objective]
    assert len({progress.objective for progress in told}) > 1
    for progress in told:
        report = edgeopt.check(instance, progress.plan)
        assert report.violations == []
        assert report.objective == pytest.approx(progress.objective, rel=1e-9)
    assert proof.known.proved()
    assert told[-1].objective == proof.known.value


@pytest.mark.parametrize("most", [3, 1000])
def test_pairs_of_users_are_those_between_which_nobody_is(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is better by all figures follows from the pairs, and no pair follows from others."""
    monkeypatch.setattr(queues, "MOST_RELATED", most)
    pairs = 0
    for seed in range(40):
        kind = ("whole", "equal", "zeros and ones")[seed % 3]
        instance = drawn_weights(random_instance(seed, models=2, users=9, one_deadline=seed % 2 == 0), kind, seed)
        line = compile_workload(instance).queues
        weight = line.objective.weight
        if weight is None:
            continue
        figures = [(-line.upload_s[k], line.due_s[k], weight[k], -k) for k in range(len(line.model))]

        def related(k: int, q: int, line: queues.Queues = line, figures: list = figures) -> bool:
            near = (k - line.first[line.model[k]]) // most == (q - line.first[line.model[q]]) // most
            better = all(a >= b for a, b in zip(figures[k][:3], figures[q][:3], strict=True))
            return line.model[k] == line.model[q] and near and better and (figures[k][:3] != figures[q][:3] or k < q)

        users = range(len(line.model))
        better = {(k, q) for k, q in product(users, users) if k != q and related(k, q)}
        expected = {(k, q) for k, q in better if not any((k, m) in better and (m, q) in better for m in users)}
        assert sorted(line.dominations) == sorted(expected), seed
        pairs += len(expected)
    assert pairs > 40

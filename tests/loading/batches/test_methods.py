"""Every method in every mode: feasible plans, valid bounds, honest status, refusals by name."""

import numpy as np
import pytest

import edgeopt
from edgeopt.errors import MethodRefusal
from edgeopt.loading.batches import place_kernels
from edgeopt.loading.batches.annealing import batches_of, end_s, greedy_sequence, sequence_of
from edgeopt.loading.batches.baselines import unshared
from edgeopt.loading.batches.bounds import bound_by_deadlines
from edgeopt.loading.batches.line_kernels import Line
from edgeopt.loading.batches.line_kernels import serve_at as serve_at_kernel
from edgeopt.loading.batches.lines import Lines
from edgeopt.loading.batches.place_kernels import end_of
from edgeopt.loading.batches.plans import Batch, plan_of
from edgeopt.loading.generator import generate
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.from_python import from_python
from tests.loading.brute_force import optimum
from tests.loading.modes import MODES, in_mode, tiny

TAKES_INDIVIDUAL = {"exact", "cpsat", "bound", "greedy", "local-search", "no-sharing", "edf", "random"}
TAKES_EXTENDED = TAKES_INDIVIDUAL | {"counts-dp"}
FOR_MODE = {"overlapped": "two-phase", "capacity": "consecutive"}
ONE_OR_ALL = [*(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES[:-1]), MODES[-1]]
USUAL_ONLY = {"dp", "modular-dp", "tree", "greedy-append"}
serve_at = from_python(serve_at_kernel)
best_place = from_python(place_kernels.best_place)
measure = from_python(place_kernels.measure)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_agreement_with_enumeration(mode):
    optimal = 0
    for instance in tiny(range(40), *mode):
        best = optimum(instance)
        for row in edgeopt.compare(instance, iteration_limit=2000).rows:
            assert row.solution is not None, row.reason
            solution = row.solution
            assert solution.objective is None or solution.objective <= best
            assert solution.bound is None or solution.bound >= best
            assert solution.status != "optimal" or solution.objective == best
            if row.method in ("exact", "counts-dp", "cpsat"):
                assert solution.objective == solution.bound == best
                optimal += best > 0
    assert optimal > 20


@pytest.mark.parametrize("mode", MODES)
def test_which_methods_take_the_mode(mode):
    instance = in_mode(generate("random", 4, 12, seed=0), *mode)
    expected = TAKES_EXTENDED | {FOR_MODE[key] for key in mode if key in FOR_MODE}
    expected |= {"lru"} if mode[1] == "capacity" else set()
    assert set(edgeopt.solving.fitting_methods(instance)) == expected


@pytest.mark.parametrize("name", sorted(USUAL_ONLY))
@pytest.mark.parametrize("mode", MODES)
def test_a_method_that_does_not_know_the_mode_refuses_it_by_name(name, mode):
    unusual = next(value for value in mode if value in FOR_MODE)
    with pytest.raises(MethodRefusal, match=repr(unusual)):
        edgeopt.solve(in_mode(generate("random", 4, 12, seed=0), *mode), name)


@pytest.mark.parametrize("mode", MODES)
def test_which_methods_take_individual_deadlines(mode):
    instance = in_mode(generate("random", 4, 12, seed=0, deadlines="individual"), *mode)
    expected = TAKES_INDIVIDUAL | {FOR_MODE[key] for key in mode if key in FOR_MODE}
    assert set(edgeopt.solving.fitting_methods(instance)) == expected
    with pytest.raises(MethodRefusal, match="one deadline for all users"):
        edgeopt.solve(instance, "counts-dp")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_individual_deadlines_agree_with_enumeration(mode):
    optimal = 0
    for instance in tiny(range(15), *mode, one_deadline=False):
        best = optimum(instance)
        for row in edgeopt.compare(instance, iteration_limit=2000, threads=1).rows:
            assert row.solution is not None, row.reason
            solution = row.solution
            assert solution.objective is None or solution.objective <= best
            assert solution.bound is None or solution.bound >= best
            if row.method in ("exact", "cpsat"):
                assert solution.objective == solution.bound == best
                optimal += best > 0
    assert optimal > 10


def soonest_end(user: int, lines: Lines, line: Line) -> float:
    """Serve the user at every position, run the whole line each time, and return when the best of them ends."""
    model, length = lines.users.model[user], int(line.length[0])
    ends = [np.inf]
    for at in range(length + 1):
        for joins in (False, True):
            if joins and (at == length or line.model[at] != model or line.size[at] >= lines.users.capacity[model]):
                continue
            tried = lines.copy(line)
            serve_at(user, lines.users, tried, at, joins)
            ends.append(end_of(tried, lines.timing, lines.room[2]))
    return min(ends)


@pytest.mark.parametrize("mode", [("phase", "consecutive"), *MODES])
def test_the_kernels_time_lines_as_the_checker_does(mode):
    """With and without one more user: lines that are in time are feasible, and end when the checker says so."""
    inserted = late = 0
    rng = np.random.default_rng(5)
    for instance in tiny(range(300, 330), *mode, models=5, users=9, one_deadline=False):
        workload = compile_workload(instance)
        if not workload.models:
            continue
        lines, timing = Lines(workload.queues, workload.timing, workload), workload.timing
        line = lines.line()
        figures, radio, scratch = lines.room
        for user in rng.permutation(len(lines.users.model)):
            measure(line, timing, figures, radio)
            end, at, joins = best_place(user, lines.users, line, figures, radio, scratch, timing)
            assert end == pytest.approx(soonest_end(user, lines, line))
            if at < 0:
                late += 1
                continue
            serve_at(user, lines.users, line, at, joins)
            assert end_of(line, timing, scratch) == pytest.approx(end)
            report = edgeopt.check(instance, lines.plan(line))
            assert not report.violations
            assert report.metrics["end_s"] == pytest.approx(end)
            inserted += 1
    assert inserted > 50
    assert late > 5


@some_or_many(3, 8)
@pytest.mark.parametrize("mode", MODES)
def test_no_sharing_serves_what_a_library_of_copies_would(mode, numbers):
    """The plan is made for models with copies of their blocks, kept by consecutive batches of a model only."""
    for instance in tiny(numbers, *mode, one_deadline=False):
        copies = instance.model_copy(update={"library": unshared(instance.library), "retention": "consecutive"})
        assert edgeopt.solve(instance, "no-sharing").objective >= optimum(copies)


@pytest.mark.parametrize("mode", ONE_OR_ALL)
def test_individual_deadlines_at_limits_and_from_a_start(mode):
    instance = in_mode(generate("grid", 6, 40, seed=1, deadlines="individual"), *mode)
    runs = [edgeopt.solve(instance, "local-search", seed=1, iteration_limit=300) for _ in range(2)]
    assert runs[0].plan == runs[1].plan
    assert runs[0].stopped == "iteration_limit"
    assert edgeopt.solve(instance, "greedy").objective < runs[0].objective
    again = edgeopt.solve(instance, "exact", start=runs[0], iteration_limit=1)
    assert again.objective >= runs[0].objective
    nothing = edgeopt.solve(instance, "exact", time_limit=0)
    assert (nothing.status, nothing.stopped, nothing.bound) == ("feasible", "time_limit", 40)


@pytest.mark.parametrize("mode", ONE_OR_ALL)
def test_early_deadlines_tighten_the_bound(mode, monkeypatch):
    instance = in_mode(generate("random", 6, 30, seed=2, deadlines="individual"), *mode)
    several = bound_by_deadlines(compile_workload(instance), Run())
    monkeypatch.setattr("edgeopt.loading.walks.bounds.MOST_CELLS", 1)
    assert several < bound_by_deadlines(compile_workload(instance), Run())


@pytest.mark.parametrize("mode", [("phase", "consecutive"), *MODES])
def test_the_kernel_times_batches_as_the_checker_does(mode):
    rng = np.random.default_rng(3)
    for instance in tiny(range(200, 230), *mode, models=5, users=9):
        workload = compile_workload(instance)
        if not workload.models:
            continue
        line = greedy_sequence(workload, Run())
        size = int(line.size[0])
        order = rng.permutation(size)
        models, counts = line.models[:size][order], line.counts[:size][order]
        batches = [Batch(int(model), int(count)) for model, count in zip(models, counts, strict=True)]
        shuffled = sequence_of(workload, batches)
        report = edgeopt.check(instance, plan_of(workload, batches_of(workload, shuffled)))
        assert {each.constraint for each in report.violations} <= {"deadline"}
        assert report.metrics["end_s"] == pytest.approx(end_s(workload, models.tolist(), counts.tolist()))


@pytest.mark.parametrize("mode", ONE_OR_ALL)
def test_local_search_repeats_itself_and_takes_a_start(mode):
    instance = in_mode(generate("grid", 12, 60, seed=2), *mode)
    runs = [edgeopt.solve(instance, "local-search", seed=1, iteration_limit=20_000) for _ in range(2)]
    assert runs[0].plan == runs[1].plan
    assert runs[0].stopped == "iteration_limit"
    greedy = edgeopt.solve(instance, "greedy")
    assert greedy.objective <= runs[0].objective
    again = edgeopt.solve(instance, "local-search", start=runs[0], iteration_limit=1)
    assert again.objective >= runs[0].objective


@pytest.mark.parametrize("mode", ONE_OR_ALL)
def test_limits_give_a_plan_and_a_bound(mode):
    instance = in_mode(generate("dense", 20, 150, seed=2), *mode)
    solution = edgeopt.solve(instance, "exact", time_limit=0)
    assert solution.stopped == "time_limit"
    assert 0 <= solution.objective <= solution.bound <= 150
    better = edgeopt.solve(instance, "exact", iteration_limit=50_000, time_limit=2)
    assert solution.objective < better.objective <= better.bound


@pytest.mark.parametrize("mode", MODES)
def test_nobody_can_be_served(mode):
    instance = in_mode(generate("random", 4, 12, seed=0, deadline_s=1e-6), *mode)
    for name in TAKES_EXTENDED - {"bound"}:
        assert edgeopt.solve(instance, name).objective == 0
    assert edgeopt.solve(instance, "bound").bound == 0
    empty = in_mode(generate("random", 4, 0, seed=0), *mode)
    assert edgeopt.solve(empty).objective == 0


def test_auto_takes_exact():
    for mode in MODES:
        solution = edgeopt.solve(in_mode(generate("random", 5, 15, seed=0), *mode))
        assert (solution.method, solution.status) == ("exact", "optimal")


def test_the_baselines_serve_what_the_usual_mode_serves():
    for seed in range(4):
        usual = generate("grid", 6, 24, seed=seed)
        best = edgeopt.solve(usual, "exact").objective
        assert edgeopt.solve(in_mode(usual, "overlapped", "consecutive"), "two-phase").objective == best
        assert edgeopt.solve(in_mode(usual, "phase", "capacity"), "consecutive").objective == best


def test_exact_lowers_the_bound_by_asking_for_fewer_users():
    instance = in_mode(generate("freeze-depth", 6, 24, seed=0), "overlapped", "consecutive")
    assert edgeopt.solve(instance, "bound").bound == 19
    solution = edgeopt.solve(instance, "exact")
    assert (solution.objective, solution.bound, solution.status) == (18, 18, "optimal")


HARD = in_mode(generate("random", 10, 40, seed=2), "overlapped", "consecutive")  # the relaxation allows 30, 29 fit


@pytest.mark.slow
def test_exact_stops_at_the_gap_asked_for():
    solution = edgeopt.solve(HARD, "exact", gap=0.2, time_limit=1000)
    assert 29 <= solution.bound <= 30
    assert "dynamic program" not in solution.message
    assert solution.stopped == "finished"


def test_exact_without_an_answer_of_the_dynamic_program_keeps_the_relaxation(monkeypatch):
    monkeypatch.setattr("edgeopt.loading.batches.counts_dp.MOST_STATES", 4096)
    solution = edgeopt.solve(HARD, "exact", iteration_limit=1000)
    assert "given up" in solution.message
    assert solution.status == "feasible"
    assert solution.bound == 30


def test_exact_reports_plan_and_bound_before_the_dynamic_program_answers():
    solution = edgeopt.solve(HARD, "exact")
    assert solution.status == "optimal"
    assert [bound for _, _, bound in solution.history if bound is not None][-2:] == [30, 29]
    assert solution.history[0][1] is not None


@pytest.mark.slow
def test_exact_searches_as_far_as_local_search_at_an_iteration_limit():
    for seed in range(2):
        instance = generate("freeze-depth", 8, 60, deadlines="individual", upload="overlapped", seed=seed)
        limits = {"threads": 1, "iteration_limit": 400}
        searched = edgeopt.solve(instance, "local-search", **limits).objective
        assert edgeopt.solve(instance, "exact", **limits).objective >= searched

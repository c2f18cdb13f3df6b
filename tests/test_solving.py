"""solve, compare and check: what is certified, refused, and told."""

from __future__ import annotations

import pickle
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import edgeopt
from edgeopt import Instance, ProgramError, Solution, Status, Stopped, UsageError, solving
from edgeopt.loading.instance import LoadingInstance
from edgeopt.run import Outcome, Progress, Run
from edgeopt.solution import crosses
from tests.loading.small import instance_of
from tests.plans import NOBODY, all_users, first_user, serve, two_models


def outcome(**fields: Any) -> Callable[[LoadingInstance], Outcome]:
    def method(instance: LoadingInstance) -> Outcome:
        return Outcome(**fields)

    return method


class TestStatus:
    def test_objective_is_the_checkers(self) -> None:
        solution = edgeopt.solve(two_models(), first_user)
        assert (solution.objective, solution.bound, solution.gap) == (1, None, None)
        assert (solution.status, solution.stopped) == (Status.FEASIBLE, Stopped.FINISHED)

    def test_optimal_when_the_bound_is_met(self) -> None:
        solution = edgeopt.solve(two_models(), all_users)
        assert (solution.objective, solution.bound, solution.gap) == (3, 3, 0.0)
        assert (solution.status, solution.stopped) == (Status.OPTIMAL, Stopped.PROVED)

    def test_met_by_rounding_down(self) -> None:
        plan = serve(two_models(), "ann", "bob")
        solution = edgeopt.solve(two_models(), outcome(plan=plan, bound=2.97, stopped=Stopped.TIME_LIMIT))
        assert (solution.bound, solution.status, solution.stopped) == (2, Status.OPTIMAL, Stopped.PROVED)

    def test_a_float_bound_just_below_an_integer_is_not_rounded_too_far(self) -> None:
        solution = edgeopt.solve(two_models(), outcome(plan=first_user(two_models()), bound=2.9999999))
        assert solution.bound == 3

    def test_bound_without_a_plan_is_kept(self) -> None:
        solution = edgeopt.solve(two_models(), outcome(bound=3, stopped=Stopped.TIME_LIMIT))
        assert (solution.objective, solution.bound, solution.gap) == (None, 3, None)
        assert (solution.status, solution.stopped) == (Status.UNKNOWN, Stopped.TIME_LIMIT)

    def test_what_is_no_bound_of_the_problem_goes_to_the_metrics(self) -> None:
        plan = first_user(two_models())
        solution = edgeopt.solve(two_models(), outcome(plan=plan, metrics={"table_bound": 1.0}))
        assert (solution.bound, solution.metrics["table_bound"]) == (None, 1.0)
        assert edgeopt.check(two_models(), solution).feasible

    def test_infeasible(self) -> None:
        solution = edgeopt.solve(two_models(), outcome(infeasible=True))
        assert (solution.status, solution.stopped, solution.objective) == (Status.INFEASIBLE, Stopped.PROVED, None)

    def test_empty_plan_of_an_instance_without_users(self) -> None:
        instance = instance_of({"a": ["x"]}, [], deadline_s=1.0)
        solution = edgeopt.solve(instance, outcome(plan=NOBODY, bound=0))
        assert (solution.objective, solution.gap, solution.status) == (0, 0.0, Status.OPTIMAL)


class TestFaultsOfMethods:
    def test_a_plan_that_fails_the_check_is_reported_with_the_violations(self) -> None:
        plan = serve(two_models(), "ann", "bob")
        plan["batches"][0]["model"] = "b"
        with pytest.raises(ProgramError, match=r"'method'.*fails the check.*model of the user"):
            edgeopt.solve(two_models(), outcome(plan=plan))

    def test_a_plan_of_the_wrong_form(self) -> None:
        with pytest.raises(ProgramError, match="form of the plan"):
            edgeopt.solve(two_models(), outcome(plan={"batches": 3}))
        with pytest.raises(ProgramError, match="form of the plan"):
            edgeopt.solve(two_models(), lambda instance: [1, 2])

    def test_a_bound_that_crosses_the_objective(self) -> None:
        with pytest.raises(ProgramError, match=r"bound 2 .*crosses its checked objective 3"):
            edgeopt.solve(two_models(), outcome(plan=serve(two_models(), "ann", "bob", "cem"), bound=2))

    def test_a_bound_that_is_no_number(self) -> None:
        with pytest.raises(ProgramError, match="bound nan"):
            edgeopt.solve(two_models(), outcome(plan=NOBODY, bound=float("nan")))

    def test_an_infinite_bound_says_nothing(self) -> None:
        assert edgeopt.solve(two_models(), outcome(plan=NOBODY, bound=float("inf"))).bound is None

    def test_infeasible_against_a_plan_at_hand(self) -> None:
        with pytest.raises(ProgramError, match="infeasible, but its own plan is a plan"):
            edgeopt.solve(two_models(), outcome(plan=NOBODY, infeasible=True))
        start = edgeopt.solve(two_models(), first_user)
        with pytest.raises(ProgramError, match="infeasible, but the start is a plan"):
            edgeopt.solve(two_models(), outcome(infeasible=True), start=start)

    def test_a_false_bound_of_one_user_is_never_rounding(self) -> None:
        """A tolerance relative to ten million users would let a bound pass that cuts one of them off."""
        assert crosses(10**7, 10**7 - 1, maximize=True, integral=True)
        assert not crosses(10**7, 10**7 - 1, maximize=True, integral=False)

    @pytest.mark.parametrize("scale", [1e-12, 1e-9, 1e-6, 1.0, 1e9])
    def test_a_false_bound_is_found_at_every_scale(self, scale: float) -> None:
        instance = two_profits(scale)
        best, other = ({"placed": {"n": [model]}} for model in ("y", "x"))
        with pytest.raises(ProgramError, match="crosses its checked objective"):
            edgeopt.solve(instance, outcome(plan=best, bound=2.9 * scale))
        assert edgeopt.solve(instance, outcome(plan=best, bound=3 * scale)).status == Status.OPTIMAL
        assert edgeopt.solve(instance, outcome(plan=other, bound=3 * scale)).status == Status.FEASIBLE
        false = edgeopt.solve(instance, outcome(plan=other, bound=3 * scale)).model_dump() | {"bound": 1.9 * scale}
        said = edgeopt.check(instance, Solution.from_dict(false))
        assert "stated bound" in {violation.constraint for violation in said.violations}


def two_profits(scale: float) -> Instance:
    """A placement of one of two models, worth 2 and 3 times `scale`."""
    library = {"format": "edgeopt-library/1", "name": "l", "blocks": {"a": 1, "b": 1}}
    library["models"] = {"x": {"blocks": ["a"]}, "y": {"blocks": ["b"]}}
    demand = [{"user": "u", "model": m, "weight": w * scale, "nodes": ["n"]} for m, w in (("x", 2), ("y", 3))]
    return edgeopt.instance_from_dict(
        {
            "format": "edgeopt-instance/1",
            "problem": "placement",
            "name": "two-profits",
            "library": library,
            "nodes": {"n": {"storage_bytes": 1}},
            "demand": demand,
        }
    )


class TestOptions:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"time_limit": -1},
            {"time_limit": float("nan")},
            {"time_limit": "5"},
            {"threads": 0},
            {"threads": 10**12},
            {"threads": 1.5},
            {"gap": -0.1},
            {"seed": -1},
            {"seed": 0.5},
            {"iteration_limit": -5},
        ],
    )
    def test_values_that_cannot_be_meant(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match=next(iter(wrong))):
            edgeopt.solve(two_models(), all_users, **wrong)

    def test_unknown_options_are_errors(self) -> None:
        with pytest.raises(TypeError, match="time_limt"):
            edgeopt.solve(two_models(), all_users, time_limt=5)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="time_limt"):
            edgeopt.compare(two_models(), [all_users], time_limt=5)

    def test_options_reach_the_method(self) -> None:
        seen: list[Run] = []

        def method(instance: LoadingInstance, run: Run) -> Outcome:
            seen.append(run)
            return Outcome(NOBODY)

        start = edgeopt.solve(two_models(), first_user)
        wanted = {"time_limit": 7.0, "seed": 3, "threads": 1, "gap": 0.1, "iteration_limit": 9}
        solution = edgeopt.solve(two_models(), method, start=start, **wanted)  # type: ignore[arg-type]
        assert {key: getattr(seen[0].options, key) for key in wanted} == wanted
        assert seen[0].options.start == start
        assert (solution.seed, solution.threads) == (3, 1)

    def test_a_start_must_be_feasible(self) -> None:
        start = edgeopt.solve(two_models(), all_users)
        tight = instance_of({"a": ["x"], "b": ["x"]}, {"ann": {"model": "a"}}, deadline_s=0.1)
        with pytest.raises(UsageError, match="start is not feasible"):
            edgeopt.solve(tight, all_users, start=start)

    def test_progress_is_told_and_kept(self) -> None:
        def method(instance: LoadingInstance, run: Run) -> Outcome:
            run.report(1, 5)
            return Outcome(first_user(instance), bound=4)

        seen: list[Progress] = []
        solution = edgeopt.solve(two_models(), method, progress=seen.append)
        assert [(step.objective, step.bound) for step in seen] == [(1, 5), (1, 4)]
        assert [row[1:] for row in solution.history] == [[1, 5], [1, 4]]


class TestInterrupts:
    def test_the_first_gives_the_best_found(self) -> None:
        def method(instance: LoadingInstance, run: Run) -> Outcome:
            signal.raise_signal(signal.SIGINT)
            stopped = run.stop_reason()
            assert stopped is not None
            return Outcome(first_user(instance), stopped=stopped)

        before = signal.getsignal(signal.SIGINT)
        solution = edgeopt.solve(two_models(), method)
        assert (solution.objective, solution.stopped) == (1, Stopped.INTERRUPTED)
        assert signal.getsignal(signal.SIGINT) is before

    def test_other_signals_reach_the_program_that_calls(self) -> None:
        def method(instance: LoadingInstance, run: Run) -> Outcome:
            signal.raise_signal(signal.SIGTERM)
            assert run.stop_reason() is None
            return Outcome(first_user(instance))

        heard: list[int] = []
        before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
        try:
            assert edgeopt.solve(two_models(), method).stopped == Stopped.FINISHED
        finally:
            signal.signal(signal.SIGTERM, before)
        assert heard == [signal.SIGTERM]

    def test_one_before_the_run_ends_it_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ran: list[int] = []
        monkeypatch.setattr(solving, "rehearse", lambda *_: signal.raise_signal(signal.SIGINT))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
        with pytest.raises(KeyboardInterrupt):
            edgeopt.solve(two_models(), lambda instance: ran.append(1))
        with pytest.raises(KeyboardInterrupt):
            edgeopt.compare(two_models(), [lambda instance: ran.append(1)])
        assert not ran

    def test_the_second_ends_a_method_that_does_not_listen(self) -> None:
        def deaf(instance: LoadingInstance) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("still running")

        with pytest.raises(KeyboardInterrupt):
            edgeopt.solve(two_models(), deaf)

    def test_a_method_that_does_not_listen_is_left_with_what_it_told(self) -> None:
        """Where a solver does not heed the request, for one, the best plan told so far is the result."""

        def deaf(instance: LoadingInstance, run: Run) -> None:
            run.report(1, bound=7, plan=lambda: first_user(instance))
            signal.raise_signal(signal.SIGINT)
            for _ in range(3000):
                time.sleep(0.01)
            raise AssertionError("still running")

        solution = edgeopt.solve(two_models(), deaf)
        assert (solution.objective, solution.bound, solution.stopped) == (1, 7, Stopped.INTERRUPTED)
        comparison = edgeopt.compare(two_models(), [all_users, deaf, first_user])
        assert [row.solution is not None for row in comparison.rows] == [True, True]
        assert comparison.interrupted

    def test_a_method_that_calls_another_one_is_left_too(self) -> None:
        def deaf(instance: LoadingInstance, run: Run) -> None:
            run.report(1, plan=lambda: first_user(instance))
            edgeopt.solve(instance, all_users)
            signal.raise_signal(signal.SIGINT)
            for _ in range(3000):
                time.sleep(0.01)
            raise AssertionError("still running")

        assert edgeopt.solve(two_models(), deaf).objective == 1

    def test_a_comparison_ends_with_the_rows_that_are_there(self) -> None:
        def interrupted(instance: LoadingInstance) -> edgeopt.Plan:
            signal.raise_signal(signal.SIGINT)
            return first_user(instance)

        comparison = edgeopt.compare(two_models(), [all_users, interrupted, first_user])
        assert [row.method for row in comparison.rows] == ["all_users", "interrupted"]
        assert comparison.interrupted
        assert comparison.rows[1].solution is not None
        assert comparison.rows[1].solution.stopped == Stopped.INTERRUPTED

    def test_a_comparison_keeps_its_rows_when_a_method_does_not_listen(self) -> None:
        def deaf(instance: LoadingInstance) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        comparison = edgeopt.compare(two_models(), [all_users, deaf, first_user])
        assert [row.solution is not None for row in comparison.rows] == [True, False]
        assert comparison.interrupted

    def test_solving_works_outside_the_main_thread(self) -> None:
        found: list[edgeopt.Solution] = []
        worker = threading.Thread(target=lambda: found.append(edgeopt.solve(two_models(), all_users)))
        worker.start()
        worker.join()
        assert found[0].objective == 3


class TestCompare:
    def test_gaps_to_the_best_bound_and_the_proven_optimum(self) -> None:
        comparison = edgeopt.compare(two_models(), [first_user, all_users], threads=1)
        first, every = comparison.records()
        assert comparison.optimum == comparison.best_objective == comparison.best_bound == 3
        assert (first["objective"], first["gap"], first["status"]) == (1, None, "feasible")
        assert first["gap_to_best_bound"] == pytest.approx(2.0)
        assert first["gap_to_optimum"] == pytest.approx(2 / 3)
        assert (every["gap"], every["gap_to_optimum"], every["status"]) == (0.0, 0.0, "optimal")

    def test_one_methods_bound_proves_anothers_plan(self) -> None:
        def bound_only(instance: LoadingInstance) -> Outcome:
            return Outcome(bound=1)

        tight = instance_of({"a": ["x"]}, {"ann": {"model": "a"}, "bob": {"model": "a"}}, deadline_s=3.1)
        comparison = edgeopt.compare(tight, [first_user, bound_only])
        assert comparison.optimum == 1
        assert comparison.records()[1]["objective"] is None

    def test_no_optimum_without_a_proof(self) -> None:
        comparison = edgeopt.compare(two_models(), [first_user])
        assert (comparison.best_objective, comparison.best_bound, comparison.optimum) == (1, None, None)

    def test_bounds_that_disprove_a_plan_of_another_method_are_a_fault(self) -> None:
        def wrong_bound(instance: LoadingInstance) -> Outcome:
            return Outcome(bound=2)

        comparison = edgeopt.compare(two_models(), [all_users, wrong_bound])
        assert comparison.contradiction is not None
        assert "wrong_bound" in comparison.contradiction
        assert "all_users" in comparison.contradiction
        assert comparison.contradiction in str(comparison)
        assert comparison.optimum is None

    def test_a_false_optimum_does_not_stand_beside_a_better_plan(self) -> None:
        """A solver that errs consistently calls a plan optimal; another method's better plan disproves it."""
        false = outcome(plan=first_user(two_models()), bound=1)
        comparison = edgeopt.compare(two_models(), [false, all_users])
        assert comparison.rows[0].solution is not None
        assert comparison.rows[0].solution.status == Status.OPTIMAL
        assert comparison.optimum is None
        assert all(record["gap_to_optimum"] is None for record in comparison.records())

    def test_infeasible_beside_a_plan_is_a_fault(self) -> None:
        comparison = edgeopt.compare(two_models(), [outcome(infeasible=True), all_users])
        assert comparison.contradiction == "'method' states that there is no plan, but 'all_users' has one"
        assert comparison.optimum is None

    def test_failures_of_one_method_do_not_cost_the_others(self) -> None:
        def broken(instance: LoadingInstance) -> None:
            raise ZeroDivisionError("oh")

        seen = []
        comparison = edgeopt.compare(
            two_models(), [broken, outcome(plan={"batches": 3}), all_users], on_row=lambda row: seen.append(row.method)
        )
        assert seen == ["broken", "method", "all_users"]
        assert [row.failed for row in comparison.rows] == [True, True, False]
        assert [record["status"] for record in comparison.records()] == ["failed", "failed", "optimal"]
        assert "ZeroDivisionError: oh" in str(comparison)

    def test_refusals_say_why(self) -> None:
        crossing = {"a": ["x", "y"], "b": ["y", "z"], "c": ["z", "x"]}
        instance = instance_of(crossing, ["a", "b", "c"], deadline_s=30.0)
        comparison = edgeopt.compare(instance, ["dp", all_users])
        assert comparison.records()[0]["status"] == "refused"
        assert "tree sharing" in comparison.records()[0]["reason"]

    def test_a_wrong_name_is_found_before_anything_runs(self) -> None:
        ran = []
        with pytest.raises(UsageError, match="no method 'dpp'"):
            edgeopt.compare(two_models(), [lambda instance: ran.append(1), "dpp"])
        assert not ran

    def test_frame_text_html_and_pickle(self) -> None:
        comparison = edgeopt.compare(two_models(), [first_user, all_users], threads=1)
        frame = comparison.to_frame()
        assert list(frame.index) == ["first_user", "all_users"]
        assert list(frame["objective"]) == [1, 3]
        assert "optimum: 3 users, proven" in str(comparison)
        assert "<td>first_user</td>" in comparison._repr_html_()
        assert pickle.loads(pickle.dumps(comparison)).records() == comparison.records()

    def test_every_fitting_method_is_the_default(self) -> None:
        comparison = edgeopt.compare(two_models(), threads=1, time_limit=20)
        assert [row.method for row in comparison.rows] == edgeopt.fitting_methods(two_models())
        assert comparison.optimum == 3


class TestCheck:
    def test_a_plan(self) -> None:
        report = edgeopt.check(two_models(), serve(two_models(), "ann", "cem"))
        assert report.feasible
        assert report.objective == 2

    def test_nothing(self) -> None:
        with pytest.raises(UsageError, match="no plan"):
            edgeopt.check(two_models(), None)

    def test_a_true_solution(self) -> None:
        for method in (all_users, first_user, outcome(bound=3), outcome(infeasible=True)):
            assert edgeopt.check(two_models(), edgeopt.solve(two_models(), method)).violations == []

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ({"objective": 4}, "stated objective"),
            ({"objective": None}, "stated objective"),
            ({"plan": None}, "stated objective"),
            ({"bound": 2}, "stated bound"),
            ({"bound": 4}, "stated gap"),
            ({"bound": 4, "gap": 1 / 3}, "stated status"),
            ({"gap": 0.5}, "stated gap"),
            ({"gap": None}, "stated gap"),
            ({"status": Status.FEASIBLE}, "stated status"),
            ({"status": Status.INFEASIBLE}, "stated status"),
            ({"instance_sha256": "0" * 64}, "same instance"),
        ],
    )
    def test_false_statements(self, change: dict[str, Any], constraint: str) -> None:
        solution = edgeopt.solve(two_models(), all_users).model_copy(update=change)
        assert constraint in {violation.constraint for violation in edgeopt.check(two_models(), solution).violations}

    def test_every_violation_has_its_amount(self) -> None:
        solution = edgeopt.solve(two_models(), all_users)
        slow = two_models().model_copy(update={"bandwidth_hz": 2.0})
        report = edgeopt.check(slow, solution)
        bandwidth = next(each for each in report.violations if each.constraint == "total bandwidth")
        assert bandwidth.amount == pytest.approx(2.0)
        assert str(bandwidth) == "total bandwidth, all users: by 2 Hz"

    def test_a_solution_of_another_problem(self) -> None:
        solution = edgeopt.solve(two_models(), all_users).model_copy(update={"problem": "placement"})
        with pytest.raises(UsageError, match="of problem 'placement'"):
            edgeopt.check(two_models(), solution)

"""Stop rules, callbacks that end a run, starts of any form, logs, versions."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from time import sleep
from typing import Any

import pytest

import edgeopt
from edgeopt.problems import find_problem
from edgeopt.run import Options, Run
from edgeopt.stopping import Seen
from tests.cli.program import run

TINY = Path(__file__).parents[1] / "instances" / "loading" / "tiny.json"


def improving(instance: edgeopt.Instance, run: Run) -> edgeopt.Outcome:
    """Tell a better objective at each step, up to the best plan; the step after the last is a fault."""
    plans = {objective: plan_of(instance, objective) for objective in (1, 2, 3)}
    best = None
    for objective, plan in plans.items():
        run.report(objective)
        best = plan
        stopped = run.part().stop_reason()
        if stopped is not None:
            return edgeopt.Outcome(best, stopped=stopped)
    return edgeopt.Outcome(best, message="all steps")


def plan_of(instance: edgeopt.Instance, count: int) -> dict[str, Any]:
    """Return a plan that serves so many users of the first model."""
    given: Any = instance
    model = next(iter(given.users.values())).model
    users = [name for name, user in given.users.items() if user.model == model][:count]
    share = given.bandwidth_hz / count
    return {"batches": [{"model": model, "users": users}], "bandwidth_hz": dict.fromkeys(users, share)}


@pytest.fixture
def instance() -> edgeopt.Instance:
    given: Any = edgeopt.read(TINY)
    users = {f"u{n}": given.users["ann"].replace(deadline_s=100.0) for n in range(3)}
    changed: edgeopt.Instance = given.replace(users=users, **{"server.memory_bytes": 10**9})
    return changed


@pytest.mark.parametrize(
    ("stop", "objective"),
    [
        (edgeopt.FirstFeasible(), 1),
        (edgeopt.TargetObjective(2), 2),
        ([edgeopt.TargetObjective(9), edgeopt.TargetObjective(1.5)], 2),
        (edgeopt.NoImprovement(0.0), 1),
        (edgeopt.NoImprovement(1e6), 3),
        (lambda seen: seen.objective == 2, 2),
        ((), 3),
    ],
)
def test_a_run_and_its_steps_end_when_a_rule_says_so(instance: edgeopt.Instance, stop: Any, objective: int) -> None:
    solution = edgeopt.solve(instance, improving, stop=stop)
    assert solution.objective == objective
    assert solution.stopped == ("stop_rule" if objective < 3 else "finished")


def test_a_callback_ends_a_run_by_returning_true(instance: edgeopt.Instance) -> None:
    seen: list[Any] = []

    def look(progress: edgeopt.Progress) -> bool:
        seen.append(progress.objective)
        return progress.objective == 2

    assert edgeopt.solve(instance, improving, progress=look).objective == 2
    assert seen[:2] == [1, 2]


def test_who_is_told_the_progress_hears_of_a_silent_method_and_may_end_it(
    instance: edgeopt.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeopt.run.PULSE_S", 0.01)
    seen: list[edgeopt.Progress] = []

    def look(progress: edgeopt.Progress) -> bool:
        seen.append(progress)
        return len(seen) > 1

    def silent(instance: edgeopt.Instance, run: Run) -> edgeopt.Outcome:
        run.report(1, plan=lambda: plan_of(instance, 1))
        while (stopped := run.part().stop_reason()) is None:
            sleep(0.001)
        return edgeopt.Outcome(plan_of(instance, 1), stopped=stopped)

    assert edgeopt.solve(instance, silent, progress=look, time_limit=60).stopped == "stop_rule"
    assert [(progress.objective, progress.plan is not None) for progress in seen[:2]] == [(1, True)] * 2
    assert seen[1].elapsed_s > seen[0].elapsed_s


@pytest.mark.parametrize(
    ("problem", "method"),
    [(problem, "auto") for problem in ("loading", "pulling", "caching", "placement", "residency")]
    + [("loading", "exact"), ("placement", "branch-and-bound"), ("pulling", "exact")],
)
def test_a_callback_sees_the_plan_of_any_problem_and_may_stop(problem: str, method: str) -> None:
    specimens = find_problem(problem).part("specimens")
    given = specimens.specimen(specimens.KINDS[0])
    seen: list[edgeopt.Progress] = []

    def look(progress: edgeopt.Progress) -> bool:
        seen.append(progress)
        return progress.plan is not None

    solution = edgeopt.solve(given, method, progress=look, threads=1)
    plans = [progress for progress in seen if progress.plan is not None]
    assert plans
    assert solution.plan is not None
    for progress in plans:
        assert progress.plan is not None
        report = edgeopt.check(given, progress.plan)
        assert report.violations == []
        assert report.objective == pytest.approx(progress.objective, rel=1e-6)


def telling(problem: str) -> list[edgeopt.Instance]:
    """Return instances on which solvers find several plans, one after another."""
    generate = find_problem(problem).part("generator").generate
    arguments: dict[str, list[dict[str, Any]]] = {
        "loading": [
            {"sharing": "random", "models": 6, "users": 30},
            {"sharing": "random", "models": 4, "users": 12, "deadlines": "individual"},
            {"sharing": "random", "models": 4, "users": 9, "upload": "overlapped"},
        ],
        "pulling": [{"cloudlets": 4, "requests": 20, "models": 10}],
        "placement": [{"nodes": 4, "models": 20, "users": 20}],
        "residency": [{"models": 12, "count": 200}],
    }
    return [generate(**each, seed=3) for each in arguments[problem]]


@pytest.mark.parametrize(
    ("problem", "method"),
    [("loading", "cpsat"), ("pulling", "cpsat"), ("pulling", "nlip"), ("placement", "cpsat"), ("residency", "exact")],
)
def test_solvers_tell_their_incumbents_and_end_at_the_first(problem: str, method: str) -> None:
    for given in telling(problem):
        seen: list[edgeopt.Progress] = []
        solution = edgeopt.solve(given, method, progress=seen.append, threads=1, time_limit=30, iteration_limit=3_000)
        plans = [progress for progress in seen if progress.plan is not None]
        for progress in plans:
            assert progress.plan is not None
            report = edgeopt.check(given, progress.plan)
            assert report.violations == []
            assert report.objective == pytest.approx(progress.objective, rel=1e-6)
        values = list(dict.fromkeys(progress.objective for progress in plans))
        assert len(values) > 1
        ended = edgeopt.solve(
            given, method, stop=edgeopt.FirstFeasible(), threads=1, time_limit=30, iteration_limit=3_000
        )
        assert ended.objective is not None
        assert ended.stopped == "stop_rule" or ended.objective == pytest.approx(values[-1], rel=1e-6)
        assert solution.objective == pytest.approx(values[-1], rel=1e-6)


def test_an_error_of_a_callback_comes_out_of_every_solver() -> None:
    def broken(progress: edgeopt.Progress) -> None:
        raise ZeroDivisionError

    for method in ("cpsat", "nlip", "exact"):
        with pytest.raises(ZeroDivisionError):
            edgeopt.solve(telling("pulling")[0], method, progress=broken)


def test_an_error_at_a_pulse_comes_out_of_every_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeopt.run.PULSE_S", 0.0)

    def broken(progress: edgeopt.Progress) -> None:
        if progress.objective is None:
            raise ZeroDivisionError

    for method in ("cpsat", "nlip", "exact"):
        with pytest.raises(ZeroDivisionError):
            edgeopt.solve(telling("pulling")[0], method, progress=broken, threads=1)


def test_a_step_tells_the_plans_of_its_better_objectives_where_they_are_plans_of_another_problem() -> None:
    run, taken = Run(), list[Any]()
    step = run.part(reports=taken.append)
    for objective in (1, 2):
        step.report(objective, plan=lambda objective=objective: {"objective": objective})
        step.report(bound=10 - objective)
    assert [plan["objective"] for plan in taken] == [1, 2]
    assert run.history == []


def test_a_method_of_ones_own_tells_plans(instance: edgeopt.Instance) -> None:
    def telling(instance: edgeopt.Instance, run: Run) -> edgeopt.Outcome:
        for count in (1, 2):
            run.report(count, plan=lambda count=count: plan_of(instance, count))
        run.report(bound=9)
        return edgeopt.Outcome(plan_of(instance, 2))

    seen: list[edgeopt.Progress] = []
    edgeopt.solve(instance, telling, progress=seen.append)
    assert [len(progress.plan["batches"][0]["users"]) for progress in seen if progress.plan] == [1, 2, 2]
    assert seen[0].plan is seen[0].plan


def test_targets_know_the_sense() -> None:
    rule = edgeopt.TargetObjective(5)
    assert rule(Seen(0, 6, None, 0, maximize=True))
    assert not rule(Seen(0, 6, None, 0, maximize=False))
    assert rule(Seen(0, 4, None, 0, maximize=False))
    assert not rule(Seen(0, None, None, None, maximize=False))
    improved = edgeopt.NoImprovement(2)
    assert improved(Seen(5, 1, None, 3, True))
    assert not improved(Seen(4.9, 1, None, 3, True))
    assert not improved(Seen(99, None, 3, None, True))


def test_no_improvement_counts_iterations() -> None:
    rule = edgeopt.NoImprovement(iterations=10)
    assert rule(Seen(0, 1, None, 0, True, iterations=15, improved_at=5))
    assert not rule(Seen(1e9, 1, None, 0, True, iterations=14, improved_at=5))
    assert not rule(Seen(0, None, None, None, True, iterations=99))
    either = edgeopt.NoImprovement(seconds=2, iterations=10)
    assert either(Seen(2, 1, None, 0, True, iterations=1))
    assert either(Seen(1, 1, None, 0, True, iterations=10))
    assert not either(Seen(1, 1, None, 0, True, iterations=9))
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(edgeopt.UsageError, match="at least 1 iteration, a whole number"):
            edgeopt.NoImprovement(iterations=wrong)
    with pytest.raises(edgeopt.UsageError, match="Give seconds or iterations"):
        edgeopt.NoImprovement()


def test_steps_count_for_the_whole_run() -> None:
    run = Run(Options(stop=(edgeopt.NoImprovement(iterations=5),)))
    run.part().count(4)
    run.report(1)
    run.part().part().count(4)
    assert run.stop_reason() is None
    run.part().count()
    assert run.iterations == 9
    assert run.part().stop_reason() == run.stop_reason() == "stop_rule"
    assert run.report(2) is None


@pytest.mark.parametrize(
    ("problem", "method", "idle"),
    [("placement", "local-search", 5_000), ("loading", "local-search", 2_000), ("pulling", "local-search", 3)],
)
def test_searches_end_after_iterations_without_success_and_repeat_themselves(
    problem: str, method: str, idle: int
) -> None:
    specimens = find_problem(problem).part("specimens")
    drawn = specimens.specimen(specimens.KINDS[-1 if problem == "placement" else 0])
    rule = edgeopt.NoImprovement(iterations=idle)
    ends = []
    for _ in range(2):
        run = Run(Options(stop=(rule,), time_limit=100.0), maximize=drawn.conventions.maximize)
        outcome = edgeopt.methods(problem)[method].function(drawn, run)
        assert outcome.stopped == "stop_rule"
        ends.append((run.iterations, outcome.plan))
    assert ends[0] == ends[1]
    assert ends[0][0] >= idle


@pytest.mark.parametrize("stop", [edgeopt.FirstFeasible, [3], "first"])
def test_what_is_no_rule_is_refused(stop: Any) -> None:
    with pytest.raises(edgeopt.UsageError, match="a stop rule is a value such as"):
        edgeopt.solve(TINY, "dp", stop=stop)
    with pytest.raises(edgeopt.UsageError, match="at least 0 seconds"):
        edgeopt.NoImprovement(-1)


def test_solvers_end_at_the_first_plan() -> None:
    full = edgeopt.solve(TINY, "cpsat", threads=1)
    first = edgeopt.solve(TINY, "cpsat", threads=1, stop=edgeopt.FirstFeasible())
    assert first.objective is not None
    assert full.objective is not None
    assert first.objective <= full.objective


DECIDED = {"loading": "batch", "pulling": "model", "caching": "beamformer", "placement": "model", "residency": "blocks"}


def started(instance: edgeopt.Instance, run: Run) -> dict[str, Any]:
    """Return the plan of the start."""
    assert run.options.start is not None
    assert run.options.start.plan is not None
    return dict(run.options.start.plan)


@pytest.mark.parametrize("problem", ["loading", "pulling", "caching", "placement", "residency"])
def test_a_run_starts_from_files_and_tables(problem: str, tmp_path: Path) -> None:
    specimens = find_problem(problem).part("specimens")
    given = specimens.specimen(specimens.KINDS[0])
    given.write(tmp_path / "i.json")
    method = "lru" if problem == "residency" else "greedy"
    known = edgeopt.solve(tmp_path / "i.json", method, threads=1)
    solution, table = tmp_path / "s.json", tmp_path / "s.csv"
    known.write(solution)
    assert run("show", solution, "--instance", tmp_path / "i.json", "--csv", table)[0] == 0
    for start in (solution, str(solution), table, str(table), known.to_frame(), known, known.plan):
        assert edgeopt.solve(given, started, start=start).objective == pytest.approx(known.objective, rel=1e-12)
    assert run("solve", tmp_path / "i.json", "-m", method, "--start", table)[0] == 0
    frame = known.to_frame().reset_index()
    with pytest.raises(edgeopt.UsageError, match="the table has no column"):
        edgeopt.solve(given, method, start=frame[[]])
    with pytest.raises(edgeopt.UsageError, match=r"the table|the column|not feasible"):
        edgeopt.solve(given, method, start=frame.assign(**{DECIDED[problem]: "[?"}))
    table.write_text("")
    with pytest.raises(edgeopt.InputError, match="No columns"):
        edgeopt.solve(given, method, start=table)


def test_tables_name_users() -> None:
    frame = edgeopt.solve(TINY, "greedy", threads=1).to_frame()
    frame["user"] = "nobody"
    with pytest.raises(edgeopt.UsageError, match="'nobody', who is no user"):
        edgeopt.solve(TINY, "greedy", start=frame)


def test_progress_and_solvers_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "edgeopt"):
        edgeopt.solve(TINY, "dp", threads=1)
    text = caplog.text
    assert "loading tiny: dp begins" in text
    assert "objective 7" in text
    assert "CP-SAT" not in text
    with caplog.at_level(logging.DEBUG, "edgeopt"):
        edgeopt.solve(TINY, "cpsat", threads=1)
        edgeopt.solve(TINY, "exact", threads=1)
    assert "CP-SAT: " in caplog.text
    assert "HiGHS: " in caplog.text


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("edgeopt")
    monkeypatch.setattr(logger, "handlers", [])
    level = logger.level
    log = tmp_path / "run.log"
    try:
        code, out, _ = run("solve", TINY, "-m", "local-search", "--target", 3, "--log", log, "-q")
    finally:
        for handler in logger.handlers:
            handler.close()
        logger.setLevel(level)
    assert code == 0
    assert "loading tiny: local-search begins" in log.read_text()
    code, out, _ = run("solve", TINY, "-m", "dp", "--first-feasible", "--no-improvement", 5)
    assert (code, "7 users" in out) == (0, True)
    code, _, err = run("solve", TINY, "--no-improvement", "-1")
    assert (code, "at least 0 seconds" in err) == (2, True)


def test_versions_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    edgeopt.show_versions()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["edgeopt"] == edgeopt.__version__
    assert {"python", "system", "highspy", "ortools", "numba"} <= set(lines)


def test_a_progress_line_is_shown_and_gone() -> None:
    assert edgeopt.solve(TINY, "dp", progress=True, threads=1).objective == 7
    assert Options().stop == ()


def test_in_a_notebook_one_output_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, text: str) -> None:
            shown.append(text)

    class Shell:
        kernel = object()

    class Notebook:
        HTML = staticmethod(str)

        @staticmethod
        def get_ipython() -> Shell:
            return Shell()

        @staticmethod
        def display(text: str, display_id: bool) -> Handle:
            assert display_id
            shown.append(text)
            return Handle()

    monkeypatch.setitem(sys.modules, "IPython", Notebook)
    monkeypatch.setattr("edgeopt.progress_bar.import_module", lambda name: Notebook)
    monkeypatch.setattr("edgeopt.progress_bar.REFRESH_S", 0.01)

    def waiting(instance: edgeopt.Instance, run: Run) -> dict[str, Any]:
        plan = edgeopt.solve(instance, "dp", threads=1).plan
        assert plan is not None
        run.report(7)
        before = len(shown)
        while len(shown) < before + 40:  # nothing more is told, and the time goes on
            sleep(0.01)
        return plan

    edgeopt.solve(TINY, waiting, progress=True, time_limit=30, threads=1)
    assert "tiny: 0.0 s of 30 s; begins" in shown[0]
    assert len({text for text in shown if "of 30 s; best 7" in text}) > 2
    assert shown[-1] == ""
    with pytest.raises(ZeroDivisionError):
        edgeopt.solve(TINY, lambda instance: 1 / 0, progress=True)
    assert shown[-1] == ""


@pytest.mark.parametrize(
    ("problem", "method", "made"),
    [
        ("loading", "greedy", "edgeopt.loading.batches.lines.bundle_order"),
        ("placement", "exact", "edgeopt.placement.exact.Program"),
        ("placement", "bound", "edgeopt.placement.exact.Program"),
        ("residency", "exact", "edgeopt.residency.exact.Program"),
        ("pulling", "exact", "edgeopt.pulling.exact.solve_core"),
        ("pulling", "lagrangian", "edgeopt.pulling.lagrangian.LagrangianRelaxation"),
        ("pulling", "bound", "edgeopt.pulling.bounds.LinearRelaxation"),
    ],
)
def test_nothing_large_is_made_when_the_run_has_to_end(
    problem: str, method: str, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes seconds on large instances is not begun any more; what is known by then is returned."""
    generate = find_problem(problem).part("generator").generate
    arguments: dict[str, dict[str, Any]] = {
        "loading": {"models": 4, "users": 9, "deadlines": "individual", "weights": "classes"},
        "placement": {"nodes": 3, "models": 8, "users": 8},
        "pulling": {"cloudlets": 4, "requests": 20, "models": 10},
        "residency": {"models": 8, "count": 40},
    }
    instance = generate(**arguments[problem], seed=3)
    function = edgeopt.methods(problem)[method].function
    calls: list[str] = []

    def large(*given: Any, **named: Any) -> Any:
        calls.append(made)
        raise InterruptedError

    monkeypatch.setattr(made, large)
    with pytest.raises(InterruptedError):
        function(instance, Run(maximize=instance.conventions.maximize))
    run = Run(maximize=instance.conventions.maximize)
    run.interrupt.set()
    outcome = function(instance, run)
    assert outcome.stopped == "interrupted"
    assert calls == [made]
    assert (outcome.plan is None) == (method == "bound")

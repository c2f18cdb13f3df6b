"""Methods: registry, plug-ins, options and what they report."""

from __future__ import annotations

import re
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import edgeopt
from edgeopt.errors import MethodRefusal, MissingExtra, UsageError
from edgeopt.method import Method, as_method
from edgeopt.problems import PROBLEMS, find_problem
from edgeopt.run import Options, Outcome, Run
from edgeopt.solution import Stopped
from edgeopt.versions import install_command
from tests.plans import all_users, first_user, two_models

method_module = sys.modules["edgeopt.method"]  # `edgeopt.method` is the decorator


@pytest.fixture
def fresh_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test register what it wants; afterwards the registry is as before."""
    edgeopt.methods("loading")
    monkeypatch.setattr(method_module, "_REGISTRY", {"loading": edgeopt.methods("loading")})
    monkeypatch.setattr(method_module, "_loaded", set())


def test_methods_of_another_package_join_through_the_entry_point(
    fresh_registry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = types.ModuleType("someones_plugin")

    def register() -> None:
        edgeopt.method("loading", "someones", kind="heuristic", guarantee="none")(all_users)

    register()
    monkeypatch.setitem(sys.modules, "someones_plugin", plugin)
    point = EntryPoint("someones", "someones_plugin", method_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(method_module, "entry_points", lambda group: [point] if group == point.group else [])
    assert "someones" in edgeopt.methods("loading")
    assert edgeopt.solve(two_models(), "someones").objective == 3


def test_a_plugin_that_cannot_be_imported_is_named(fresh_registry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("broken", "no_such_plugin", method_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(method_module, "entry_points", lambda group: [point])
    with pytest.warns(UserWarning, match="'broken'.*no_such_plugin"):
        assert "broken" not in edgeopt.methods("loading")


@pytest.mark.parametrize("end", ["raise SystemExit('bye')", "raise GeneratorExit", "import sys; sys.exit()"])
def test_a_plugin_that_ends_the_program_at_its_import_is_left_out(
    end: str, tmp_path: Path, fresh_registry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ending_plugin.py").write_text(end)
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("ending", "ending_plugin", method_module.ENTRY_POINT_GROUP)
    monkeypatch.setattr(method_module, "entry_points", lambda group: [point])
    with pytest.warns(UserWarning, match="'ending'.*(SystemExit|GeneratorExit)"):
        assert "greedy" in edgeopt.methods("loading")


@pytest.mark.parametrize("argument", ["", "FILE"])
def test_a_name_that_edgeopt_has_is_refused(argument: str, fresh_registry: None) -> None:
    with pytest.warns(UserWarning, match="'tests'.*'greedy'"):
        edgeopt.method("loading", "greedy", kind="exact", guarantee="all", argument=argument)(first_user)
    assert edgeopt.methods("loading")["greedy"].kind == "heuristic"
    assert "greedy" not in method_module.method_families("loading")


def test_a_method_of_ones_own_may_be_defined_again(fresh_registry: None, recwarn: pytest.WarningsRecorder) -> None:
    for function in (first_user, all_users):
        edgeopt.method("loading", "mine", kind="heuristic", guarantee="none")(function)
    assert edgeopt.methods("loading")["mine"].function is all_users
    assert not recwarn.list


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("maximize", [True, False])
def test_reports_of_what_is_not_finite_are_ignored(value: float, maximize: bool) -> None:
    run = Run(maximize=maximize)
    run.report(value, value)
    assert run.history == []
    run.report(2, value)
    run.report(value, 3)
    assert [row[1:] for row in run.history] == [[2, None], [2, 3]]


def test_every_method_says_what_it_is() -> None:
    for name, method in edgeopt.methods("loading").items():
        assert method.name == name
        assert method.kind in ("exact", "heuristic", "bound", "baseline")
        assert method.guarantee


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'loading'"):
        edgeopt.methods("loadin")
    with pytest.raises(UsageError, match="did you mean 'modular-dp'"):
        edgeopt.solve(two_models(), "modular_dp")


def test_refusals_come_before_the_run() -> None:
    def never(instance: object, run: Run) -> Outcome:
        raise AssertionError("it ran")

    refusing = Method("loading", "picky", "exact", "all", (), lambda instance: "it is Monday", never)
    with pytest.raises(MethodRefusal, match="'picky' does not apply to 'small': it is Monday"):
        refusing.require(two_models())
    lacking = Method("loading", "lacking", "exact", "all", ("no_such_solver",), lambda instance: None, never)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(method_module.EXTRAS, "no_such_solver", "minlp")
        with pytest.raises(MissingExtra, match=re.escape(install_command("minlp"))):
            lacking.require(two_models())
        assert "pip install" in str(lacking.refusal(two_models()))


def test_plain_functions_of_one_or_two_parameters_and_objects_become_methods() -> None:
    class Heuristic:
        def __call__(self, instance: edgeopt.Instance) -> edgeopt.Plan:
            return first_user(instance)  # type: ignore[arg-type]

    assert as_method("loading", first_user).function(two_models(), Run()).plan is not None
    assert as_method("loading", all_users).function(two_models(), Run()).bound == 3
    assert as_method("loading", Heuristic()).name == "Heuristic"
    assert edgeopt.solve(two_models(), Heuristic()).objective == 1


def test_only_improvements_are_reported() -> None:
    seen = []
    run = Run(progress=seen.append)
    for objective, bound in [(1, None), (1, None), (None, 9), (0, 10), (3, 8), (2, 7)]:
        run.report(objective, bound)
    assert [(row.objective, row.bound) for row in seen] == [(1, None), (1, 9), (3, 8), (3, 7)]
    assert [row[1:] for row in run.history] == [[1, None], [1, 9], [3, 8], [3, 7]]


def test_when_minimising_less_is_better() -> None:
    run = Run(maximize=False)
    for objective, bound in [(9, 1), (10, 0), (8, 2)]:
        run.report(objective, bound)
    assert [row[1:] for row in run.history] == [[9, 1], [8, 2]]


def test_reasons_to_stop() -> None:
    assert Run().stop_reason() is None
    assert Run(Options(time_limit=0)).stop_reason() == Stopped.TIME_LIMIT
    run = Run(Options(time_limit=0))
    run.interrupt.set()
    assert run.stop_reason() == Stopped.INTERRUPTED
    assert run.part(5).stop_reason() == Stopped.INTERRUPTED
    assert Run(Options(time_limit=100)).part(5).options.time_limit == 5
    assert Run(Options(time_limit=0)).part(5).options.time_limit == 0


@pytest.mark.parametrize("turn", range(2))
def test_what_a_test_registers_is_gone_for_the_next(turn):
    assert "leftover" not in edgeopt.methods("loading")
    edgeopt.method("loading", "leftover", kind="baseline", guarantee="none")(lambda instance, run: None)
    assert "leftover" in edgeopt.methods("loading")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_code_of_every_row_exists(problem):
    rows = method_module._rows(problem)
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        for code in row.codes.values():
            for place in filter(None, code):
                module, _, function = place.partition(":")
                assert callable(getattr(find_problem(problem).part(module), function))

"""What a report says, and that it says nothing else: charts, tables, verdicts, escaping, the files."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from dataclasses import replace
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import edgeopt
from edgeopt.comparison import Comparison, ComparisonRow
from edgeopt.drawing.palette import NAMES, ON_DARK
from edgeopt.errors import UsageError
from edgeopt.experiments import performance_profile, read_results
from edgeopt.reporting import write_comparison_report, write_sweep_report
from edgeopt.reporting.bars_chart import bars_chart
from edgeopt.reporting.charts import certified, courses, objectives_and_bounds
from edgeopt.reporting.comparison_page import comparison_page
from edgeopt.reporting.curves import GRID, Course, panels, steps
from edgeopt.reporting.markup import Markup, join, tag
from edgeopt.reporting.plan_figure import LARGEST, inline_svg
from edgeopt.reporting.profile_chart import profile_chart
from edgeopt.reporting.scales import Scale, linear_scale, time_scale
from edgeopt.reporting.sweep_provenance import limits_text
from edgeopt.reporting.tables import Cell, Column, TableRow, table, without_empty
from edgeopt.reporting.verdict import best_row, bound_row, verdict
from edgeopt.solution import Solution, Status, relative_gap
from tests.cli.program import run
from tests.plans import all_users, first_user, two_models
from tests.reporting import comparisons, sweeps
from tests.reporting.comparisons import HOSTILE, hostile, improving

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "edgeopt" / "reporting"
VOID = {"br", "hr", "img", "input", "link", "meta"}
values = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30)


class Elements(HTMLParser):
    """Elements with their attributes and text; an element that is not closed in its place is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.found if found == name]


class TestMarkup:
    def test_text_is_escaped_and_markup_is_not(self) -> None:
        inner = tag("b", "<i>&")
        assert inner == "<b>&lt;i&gt;&amp;</b>"
        assert tag("p", inner, None, "\"'") == "<p><b>&lt;i&gt;&amp;</b>&quot;&#x27;</p>"
        assert join(["<", Markup("<br>")], " & ") == "&lt; &amp; <br>"

    def test_attributes(self) -> None:
        made = tag("input", class_="a", data_value='"><script>', hidden=True, disabled=False, title=None, width=0.1)
        assert made == '<input class="a" data-value="&quot;&gt;&lt;script&gt;" hidden width="0.1">'


class TestScales:
    @example([0.0, 5e-324], None)
    @example([5e-324], 0.0)
    @example([1e-322], None)
    @given(values, st.one_of(st.none(), st.floats(-1e12, 1e12)))
    def test_positions_rise_from_0_to_1(self, numbers: list[float], anchor: float | None) -> None:
        scale = linear_scale(numbers, anchor)
        positions = [scale.position(value) for value in sorted(numbers)]
        assert positions == sorted(positions)
        assert all(0 <= position <= 1 for position in positions)
        assert (scale.position(scale.low), scale.position(scale.high)) == (0, 1)
        assert anchor is None or scale.low <= anchor <= scale.high
        assert 0 < len(scale.ticks) <= 6
        assert all(scale.beyond(value) == 0 for value, _ in scale.ticks)

    @given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), st.integers(2, 6))
    def test_times_are_logarithmic(self, seconds: list[float], most: int) -> None:
        scale = time_scale(seconds, most)
        assert all(0 < scale.position(second) < 1 for second in seconds)
        assert 0 < len(scale.ticks) <= most
        tenth, one, ten = (scale.low * factor for factor in (1, 10**0.25, 10**0.5))
        assert scale.position(one) - scale.position(tenth) == pytest.approx(scale.position(ten) - scale.position(one))

    def test_what_is_far_off_is_cut_and_what_is_near_is_kept(self) -> None:
        scale = linear_scale([295, 295, 293, 288, 274, 1e6], anchor=295)
        assert [scale.beyond(value) for value in (274, 288, 295, 1e6)] == [0, 0, 0, 1]
        scale = linear_scale([295, 294, 293, 292, -1e6], anchor=295)
        assert [scale.beyond(value) for value in (-1e6, 292, 295)] == [-1, 0, 0]

    def test_noise_in_the_last_digits_makes_no_axis(self) -> None:
        scale = linear_scale([1672.88575748, 1672.8857574799], anchor=1672.88575748)
        assert scale.high - scale.low > 100

    def test_no_time_is_drawn_at_nothing(self) -> None:
        assert time_scale([0.0, 1.0]).position(0.0) == 0
        assert time_scale([]).ticks


class TestCurves:
    TIMES = Scale(1.0, 100.0, True, [])
    VALUES = Scale(0.0, 10.0, False, [])

    def test_a_step_function_goes_across_and_then_up(self) -> None:
        path = steps([(1.0, 0.0), (10.0, 5.0), (100.0, 10.0)], 100.0, self.TIMES, self.VALUES)
        assert path == "M0 1000H500V500H1000V0H1000"

    def test_what_cannot_be_told_apart_is_drawn_once(self) -> None:
        points = [(1.0 + index * 1e-9, 0.0) for index in range(10_000)]
        assert steps(points, 1.0, self.TIMES, self.VALUES) == "M0 1000H0"
        assert steps([(1.0, 0.0), (1.0, 5.0), (1.0, 7.0)], 100.0, self.TIMES, self.VALUES) == "M0 300H1000"

    def test_a_long_course_stays_small(self) -> None:
        history = [[1 + index / 1000, index / 1e4, 10 - index / 1e4] for index in range(30_000)]
        drawn = panels("x", [Course("m", "told", history, 100.0)], [], self.TIMES, self.VALUES)
        assert len(drawn) < 60 * GRID

    def test_the_area_between_is_closed_and_as_large_as_it_should_be(self) -> None:
        history = [[1.0, 2.0, None], [1.0, 2.0, 8.0], [10.0, 4.0, 8.0], [10.0, 4.0, 6.0]]
        drawn = panels("x", [Course("m", "told", history, 100.0)], [], self.TIMES, self.VALUES)
        found = re.search(r'd="([^"]+Z)"', drawn)
        assert found is not None
        # Half of the time the gap is 6 of 10, and 2 of 10 in the other half.
        assert area(found[1]) == pytest.approx(0.5 * 0.6 + 0.5 * 0.2)


def area(path: str) -> float:
    """Area inside a path of M, H, V and Z, as a part of the square (shoelace formula)."""
    x = y = 0
    corners = []
    for command, numbers in re.findall(r"([MHVZ])([\d ]*)", path):
        if command == "M":
            x, y = map(int, numbers.split())
        elif command != "Z":
            x, y = (int(numbers), y) if command == "H" else (x, int(numbers))
        corners.append((x, y))
    along, across = np.array(corners, dtype=float).T / GRID
    return float(abs(np.dot(along, np.roll(across, -1)) - np.dot(across, np.roll(along, -1))) / 2)


class TestTables:
    def test_columns_without_a_figure_are_left_out(self) -> None:
        columns = [Column("name"), Column("empty", numeric=True), Column("full", numeric=True), Column("note")]
        rows = [TableRow([Cell("a"), Cell("-"), Cell("0", 0), Cell("")]), TableRow([Cell("b"), *[Cell("-")] * 3])]
        kept, cells = without_empty(columns, rows)
        assert [column.heading for column in kept] == ["name", "full"]
        assert [[cell.text for cell in row.cells] for row in cells] == [["a", "0"], ["b", "-"]]

    def test_cells_carry_what_they_are_sorted_by(self) -> None:
        columns = [Column("name"), Column("time", numeric=True), Column("count", numeric=True)]
        rows = [TableRow([Cell("a"), Cell("2 ms", 0.002), Cell("3", 3)]), TableRow([Cell("b"), Cell("-"), Cell("-")])]
        made = table("t", HOSTILE, columns, rows)
        assert re.findall(r'data-value="([^"]*)"', made) == ["0.002", "", ""]
        assert "<script>" not in made


class TestFigures:
    @pytest.mark.filterwarnings("ignore:Glyph 1")
    def test_ids_are_its_own_and_nothing_concerns_the_rest_of_the_page(self) -> None:
        def draw() -> Figure:
            figure = Figure()
            ax = figure.add_subplot()
            ax.plot([0, 1], [0, 1], color="#0072B2")
            ax.set_title("cost $a_$ and $\\undefined{b} \x01")
            return figure

        picture = inline_svg(draw, "one", "title", "described")
        elements = Elements(picture)
        ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
        assert len(ids) > 10
        assert all(str(name).startswith("one-") for name in ids)
        assert not elements.named("style")
        assert not elements.named("metadata")
        assert "var(--blue)" in picture
        assert "stroke: var(--ink)" in picture
        assert "#000000" not in picture
        assert "#0072b2" not in picture.lower()
        assert "cost $a_$ and $\\undefined{b} " in elements.texts
        assert "xmlns" not in picture
        assert "ns0" not in picture
        assert set(re.findall(r"url\(#([^)]*)\)", picture)) <= set(ids)

    def test_a_large_figure_is_drawn_as_pixels(self) -> None:
        def draw() -> Figure:
            figure = Figure()
            rng = np.random.default_rng(0)
            figure.add_subplot().scatter(*rng.random((2, 30_000)), s=1)
            return figure

        picture = inline_svg(draw, "one", "title", "described")
        assert len(picture) < LARGEST
        assert "data:image/png;base64" in picture

    def test_every_colour_has_its_counterpart_on_dark(self) -> None:
        assert NAMES.keys() == ON_DARK.keys()

    def test_parts_of_bars_add_up(self) -> None:
        made = bars_chart("b", "title", [("m", {"proved": 1, "failed": 0, "pending": 3}), ("n", {"proved": 2})])
        parts = re.findall(r'class="part (\w+)" x="([\d.]+)%" width="([\d.]+)%"', made)
        assert parts == [("proved", "0.00", "25.00"), ("pending", "25.00", "75.00"), ("proved", "0.00", "50.00")]
        assert "m: 1 proved, 3 pending" in made


def solved(method: str, objective: int | None, bound: int | None, seconds: float = 1.0, **fields: Any) -> ComparisonRow:
    """A row of a comparison on `two_models`, as if a method had found it."""
    gap = relative_gap(objective, bound)
    status = Status.UNKNOWN if objective is None else Status.OPTIMAL if gap == 0 else Status.FEASIBLE
    base = edgeopt.solve(two_models(), first_user)
    found = {"objective": objective, "bound": bound, "gap": gap, "status": status, "runtime_s": seconds}
    return ComparisonRow(method, base.model_copy(update={"method": method, **found, **fields}))


class TestVerdict:
    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ([solved("a", 3, 3, 0.5), solved("b", 3, None)], "The optimum is 3 users, proven by a in 500 ms. 2 of 2"),
            (
                [solved("a", 3, None), solved("b", 2, 3)],
                "The optimum is 3 users: found by a, proven by the bound of b.",
            ),
            ([solved("a", 2, None)], "The best plan found is worth 2 users, by a; no method gave a bound."),
            (
                [solved("a", 2, 3)],
                "by a; a proves that none is better than 3 users. What is left between them is 50.00 %",
            ),
            ([solved("a", None, 3)], "No method found a plan."),
            ([solved("a", None, None, status=Status.INFEASIBLE)], "There is no feasible plan: proven by a."),
            ([ComparisonRow("a", None, "refused")], "No method found a plan."),
            ([solved("a", 3, None), solved("b", None, 2)], "The results contradict each other: a method is at fault."),
        ],
    )
    def test_what_is_known_of_the_optimum(self, rows: list[ComparisonRow], said: str) -> None:
        assert said in verdict(Comparison(two_models(), rows))

    def test_the_best_plan_is_a_proven_one_then_the_quickest(self) -> None:
        rows = [solved("late", 3, None, 2.0), solved("proved", 3, 3, 9.0), solved("quick", 3, None, 0.1)]
        best = best_row(Comparison(two_models(), rows))
        assert best is not None
        assert best.method == "proved"
        best = best_row(Comparison(two_models(), [rows[0], rows[2]]))
        assert best is not None
        assert best.method == "quick"
        bounding = bound_row(Comparison(two_models(), [solved("slow", 2, 3, 2.0), solved("quick", None, 3, 0.1)]))
        assert bounding is not None
        assert bounding.method == "quick"


class TestComparisonPage:
    def test_tables_charts_and_what_was_run(self) -> None:
        comparison = edgeopt.compare(two_models(), [all_users, first_user, improving], time_limit=30.0, seed=7)
        page = comparison_page([comparison], {"command": "edgeopt compare x.json"})
        texts = Elements(page).texts
        for expected in (
            "all_users",
            "first_user",
            "users",
            "66.67 %",
            "edgeopt compare x.json",
            "30 s for each method",
        ):
            assert any(expected in text for text in texts), expected
        assert comparison.instance.sha256 in texts
        assert "7" in texts
        assert f"numpy {np.__version__}" in page

    def test_every_number_of_the_table_is_that_of_the_solution(self) -> None:
        comparison = edgeopt.compare(two_models(), [all_users, first_user])
        elements = Elements(comparison_page([comparison], {}))
        times = {attributes.get("data-value") for attributes in elements.named("td")}
        assert {repr(row.solution.runtime_s) for row in comparison.rows if row.solution} <= times

    def test_nothing_can_be_loaded_and_one_script_can_run(self) -> None:
        page = comparison_page([hostile()], {"command": HOSTILE})
        elements = Elements(page)
        policy = next(found["content"] for found in elements.named("meta") if found.get("http-equiv"))
        script = page[page.index("<script>") + len("<script>") : page.index("</script>")]
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert policy == (f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'")
        assert len(elements.named("script")) == 1
        assert not elements.named("img")
        assert not elements.named("iframe")
        links = [str(value) for _, found in elements.found for key, value in found.items() if key in ("href", "src")]
        assert all(link.startswith(("#", "data:")) for link in links)
        assert not [key for _, found in elements.found for key in found if key.startswith("on")]
        assert "url(http" not in page
        assert "@import" not in page

    def test_faults_stand_at_the_top(self) -> None:
        wrong = Comparison(two_models(), [solved("a", 3, None), solved("b", None, 2)])
        page = comparison_page([wrong], {})
        assert "crosses the checked objective" in page
        assert 'class="card alert"' in page
        page = comparison_page([replace(hostile(), interrupted=True)], {})
        assert "ValueError" in page
        assert "The comparison was interrupted" in page

    def test_nothing_at_all_still_makes_a_page(self) -> None:
        for rows in ([], [ComparisonRow("a", None, "needs more memory")], [solved("a", None, None, history=[])]):
            elements = Elements(comparison_page([Comparison(two_models(), rows)], {}))
            assert "No method found a plan." in elements.texts

    def test_methods_that_did_not_improve_have_no_panel(self) -> None:
        comparison = edgeopt.compare(two_models(), [improving, first_user])
        drawn = courses(comparison, "c")
        assert drawn is not None
        assert drawn.count("<figure") == 1
        assert drawn.count('class="trace"') == 2
        assert courses(edgeopt.compare(two_models(), [first_user]), "c") is None

    def test_no_course_is_better_than_what_was_checked(self) -> None:
        told = [[0.1, 1, 9], [0.2, 5, 9], [0.3, 5, 1]]
        row = solved("a", 2, 3, history=told)
        assert row.solution is not None
        assert certified(row.solution) == [(0.1, 1, 9), (0.2, 2, 9), (0.3, 2, 3)]
        row = solved("a", None, None, history=told)
        assert row.solution is not None
        assert certified(row.solution) == [(0.1, None, None), (0.2, None, None), (0.3, None, None)]

    def test_the_bar_of_a_gap_ends_at_objective_and_bound(self) -> None:
        comparison = Comparison(two_models(), [solved("a", 2, 4), solved("b", 3, None), solved("c", 3, 4)])
        chart = objectives_and_bounds(comparison, "c")
        assert chart is not None
        bars = {(float(x), float(width)) for x, width in re.findall(r'x="([\d.]+)%" width="([\d.]+)%" y', chart)}
        dots = sorted(float(x) for x in re.findall(r'<circle cx="([\d.]+)%"', chart))
        (short, long) = sorted(bars, key=lambda bar: bar[1])
        assert long[0] == pytest.approx(dots[0], abs=0.02)
        assert short[0] == pytest.approx(dots[1], abs=0.02)
        assert long[1] == pytest.approx(2 * short[1], abs=0.03)

    def test_a_comparison_is_written_as_a_report(self, tmp_path: Path) -> None:
        write_comparison_report(tmp_path / "r.html", [edgeopt.compare(two_models(), [first_user])])
        texts = Elements((tmp_path / "r.html").read_text()).texts
        assert "first_user" in texts
        assert "machine" in texts

    @pytest.mark.slow
    def test_a_usual_report_is_small(self, tmp_path: Path) -> None:
        write_comparison_report(tmp_path / "r.html", [comparisons.shipped(problem) for problem in comparisons.RUNS])
        assert 20_000 < (tmp_path / "r.html").stat().st_size < 2_000_000

    def test_what_stood_there_stays_when_the_report_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = tmp_path / "r.html"
        target.write_text("before")
        monkeypatch.setattr(Solution, "plot", lambda solution: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_comparison_report(target, [edgeopt.compare(two_models(), [first_user])])
        assert target.read_text() == "before"
        assert list(tmp_path.iterdir()) == [target]


class TestSweepPage:
    @pytest.fixture
    def results(self, tmp_path: Path) -> Path:
        sweeps.write_results(tmp_path / "r.sqlite")
        return tmp_path / "r.sqlite"

    def test_counts_instances_and_runs(self, results: Path, tmp_path: Path) -> None:
        write_sweep_report(tmp_path / "r.html", results, best_known={}, facts={"command": "edgeopt report"})
        elements = Elements((tmp_path / "r.html").read_text())
        said = "8 of 9 runs have finished: 1 proved their plan optimal, 1 proved that there is no plan, 1 were refused"
        assert any(said in text for text in elements.texts)
        assert f"tree on hard, seed 0: ZeroDivisionError: {HOSTILE}" in elements.texts
        for expected in ("optimum proven", "open", "infeasible", "10 s, 1 thread", "edgeopt 0.1.0, numpy 2.0", "why"):
            assert expected in elements.texts
        statuses = [found.get("data-status") for found in elements.named("tr") if found.get("data-status")]
        assert sorted(statuses[3:]) == sorted(
            finished.status if finished else "pending" for finished in sweeps.RUNS.values()
        )
        assert len(elements.named("script")) == 1
        assert not elements.named("img")

    def test_best_known_values_are_compared(self, results: Path, tmp_path: Path) -> None:
        frame = read_results(results)
        known = {str(sha256): 10.0 for sha256 in frame[frame["instance"] == "hard"]["instance_sha256"]}
        write_sweep_report(tmp_path / "without.html", results)
        write_sweep_report(tmp_path / "with.html", results, best_known=known)
        assert "to best known" not in (tmp_path / "without.html").read_text()
        texts = Elements((tmp_path / "with.html").read_text()).texts
        assert "to best known" in texts
        assert "30.00 %" in texts

    def test_several_limits_are_told_apart(self, tmp_path: Path) -> None:
        sweeps.write_results(tmp_path / "r.sqlite", several_limits=True)
        write_sweep_report(tmp_path / "r.html", tmp_path / "r.sqlite")
        texts = Elements((tmp_path / "r.html").read_text()).texts
        assert "exact, 10 s, 2 threads: 2 proved, 1 feasible" in texts
        assert "Time to proof, 10 s, 2 threads" in texts

    def test_the_curves_of_a_profile_are_those_of_the_profile(self, results: Path) -> None:
        frame = read_results(results)
        profile = performance_profile(frame[frame["method"] != "tree"])
        chart = profile_chart("p", "title", profile)
        # Proved within the same time as the fastest: easy and none by exact, of three cases; nothing by greedy.
        assert "exact: 67% first, 67% in all" in chart
        assert "greedy: 0% first, 0% in all" in chart
        heights = {path.split("H")[0] for path in re.findall(r'd="(M[^"]+)"', chart)}
        assert heights == {"M0 333", "M0 1000"}

    def test_the_reasons_of_runs_without_a_plan_are_in_the_table(self, results: Path, tmp_path: Path) -> None:
        write_sweep_report(tmp_path / "r.html", results)
        assert f"it needs a tree {HOSTILE}" in Elements((tmp_path / "r.html").read_text()).texts

    def test_limits_in_words(self) -> None:
        options = '{"threads": 2, "time_limit_s": null, "iteration_limit": 500, "gap_limit": 0.01}'
        assert limits_text(options) == "2 threads, 500 iterations, gap 0.01"

    def test_a_file_without_runs_is_refused(self, tmp_path: Path) -> None:
        with sweeps.Store(tmp_path / "empty.sqlite"):
            pass
        with pytest.raises(UsageError, match="no runs"):
            write_sweep_report(tmp_path / "r.html", tmp_path / "empty.sqlite")


class TestCommandLine:
    @pytest.fixture
    def instance(self, tmp_path: Path) -> Path:
        two_models().write(tmp_path / "two.json")
        return tmp_path / "two.json"

    def test_compare_writes_a_report(self, instance: Path, tmp_path: Path) -> None:
        target = tmp_path / "r.html"
        assert run("compare", instance, instance, "-m", "modular-dp", "--report", target, "-q")[0] == 0
        elements = Elements(target.read_text())
        assert "2 instances: methods compared" in elements.texts
        assert any(text.startswith("edgeopt compare ") and "--report" in text for text in elements.texts)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--report", "FOLDER"], "is a folder"),
            (["--report", "FOLDER/none/r.html"], "does not exist"),
            (["--report", "INSTANCE"], "is the input"),
            (["--report", "FOLDER/x", "--csv", "FOLDER/x"], "name two files"),
        ],
    )
    def test_where_a_report_cannot_stand_is_said_before_the_work(
        self, instance: Path, tmp_path: Path, options: list[str], said: str
    ) -> None:
        before = instance.read_bytes()
        given = [each.replace("FOLDER", str(tmp_path)).replace("INSTANCE", str(instance)) for each in options]
        code, out, err = run("compare", instance, *given)
        assert (code, out) == (2, "")
        assert said in err
        assert instance.read_bytes() == before

    def test_report_of_a_sweep(self, tmp_path: Path) -> None:
        sweeps.write_results(tmp_path / "r.sqlite")
        code, _, err = run("report", tmp_path / "r.sqlite", "-o", tmp_path / "r.html")
        assert code == 0
        assert str(tmp_path / "r.html") in err
        assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")

    def test_report_refuses_what_is_no_results_file(self, instance: Path, tmp_path: Path) -> None:
        target = tmp_path / "r.html"
        target.write_text("before")
        code, _, err = run("report", instance, "-o", target)
        assert code == 2
        assert "not a results file" in err
        assert target.read_text() == "before"
        assert run("report", tmp_path / "none.sqlite", "-o", target)[0] == 2
        assert run("report", instance, "-o", instance)[0] == 2


def test_the_package_carries_its_template_style_and_script() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["edgeopt.reporting"]
    parts = [path.name for path in PACKAGE.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert sorted(parts) == ["page.css", "page.html", "page.js"]
    assert all(any(fnmatch(part, pattern) for pattern in patterns) for part in parts)

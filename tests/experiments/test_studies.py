"""Studies: instances in memory, varied keys, means with intervals, tables; comparisons of several instances."""

from __future__ import annotations

from csv import DictReader
from functools import partial
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import edgeopt
from edgeopt.comparing import Compared
from edgeopt.experiments import (
    losses,
    measured_heading,
    optimum_table,
    pivot,
    plot_study,
    read_results,
    study_table,
    table_text,
    write_table,
)
from edgeopt.loading.generator import generate
from edgeopt.reporting import write_sweep_report
from tests.cli.program import run
from tests.plans import two_models

METHODS = [{"problem": "loading", "names": ["dp"]}]
DRAW = partial(generate, "tree", 6, 20)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of an instance in memory, varied ones, and drawn ones."""
    instance = two_models()
    suite = {
        "name": "study",
        "time_limit_s": 20,
        "instances": [
            instance,
            {"instance": instance, "vary": {"users.*.deadline_s": ["x0.5", "x2"], "bandwidth_hz": ["+1Hz"]}},
            {"problem": "loading", "generate": {"sharing": "tree", "models": 3, "users": 6, "seed": [1, 2]}},
        ],
        "methods": METHODS,
    }
    return edgeopt.sweep(suite, tmp_path_factory.mktemp("study") / "study.sqlite")


def test_varied_keys_and_arguments_have_columns(swept: Path) -> None:
    frame = read_results(swept)
    assert len(frame) == 1 + 2 + 2
    varied = frame[frame["users.*.deadline_s"].notna()]
    assert sorted(set(varied["users.*.deadline_s"])) == ["x0.5", "x2"]
    assert set(varied["bandwidth_hz"]) == {two_models().bandwidth_hz + 1}
    assert varied["instance"].nunique() == 2
    assert all("users.*.deadline_s=" in name for name in varied["instance"])
    drawn = frame[frame["models"].notna()]
    assert list(drawn["drawn_seed"]) == [1, 2]
    assert set(drawn["sharing"]) == {"tree"}
    assert set(frame["seed"]) == {0}
    assert frame.loc[frame["instance"] == two_models().name, ["models", "bandwidth_hz"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"instance": two_models(), "vary": {"sever": 1}}, r"instances\[0\].vary: at .*sever"),
        ({"instance": {"format": "edgeopt-instance/1", "problem": "loading"}}, r"instances\[0\].instance"),
        ({"instance": two_models(), "files": ["x.json"]}, "one of 'files', 'generate' and 'instance'"),
        ({"instance": two_models(), "problem": "loading"}, "of which problem they are"),
    ],
)
def test_faults_of_blocks_name_their_place(block: dict[str, object], words: str, tmp_path: Path) -> None:
    suite = {"name": "x", "time_limit_s": 1, "instances": [block], "methods": METHODS}
    with pytest.raises(edgeopt.InputError, match=words):
        edgeopt.sweep(suite, tmp_path / "x.sqlite")


def cases(**axes: object) -> edgeopt.Comparisons:
    return edgeopt.compare(edgeopt.drawn(DRAW, **axes), ["dp", "greedy-append", "random"], threads=1)  # type: ignore[arg-type]


def test_several_instances_are_compared_as_one_by_one() -> None:
    seen: list[Compared] = []
    instances = list(edgeopt.drawn(DRAW, deadline_s=[0.2, 0.4], seed=[1, 2, 3]))
    result = edgeopt.compare(instances, ["dp", "random"], threads=1, on_case=seen.append)
    assert seen == result.cases
    assert [dict(case.values) for case in result.cases] == [
        {"deadline_s": deadline, "seed": seed} for deadline in (0.2, 0.4) for seed in (1, 2, 3)
    ]
    for case, variation in zip(result.cases, instances, strict=True):
        assert case.comparison.instance == variation.instance
        assert case.seed == variation.values["seed"]
        for row in case.comparison.rows:
            again = edgeopt.solve(variation.instance, row.method, seed=case.seed, threads=1)
            assert row.solution is not None
            assert row.solution.objective == again.objective
    frame = result.to_frame()
    assert len(frame) == 12
    assert (frame["optimum"] >= frame["objective"]).all()
    assert "optimum proven of 6" in str(result)


@pytest.mark.slow
def test_seeds_and_workers_give_the_same_results() -> None:
    instances = [DRAW(seed=1), DRAW(seed=2)]
    here = edgeopt.compare(instances, ["greedy", "random"], seeds=[4, 5], threads=1).to_frame()
    there = edgeopt.compare(instances, ["greedy", "random"], seeds=[4, 5], threads=1, workers=2).to_frame()
    columns = ["instance", "seed", "method", "objective"]
    pd.testing.assert_frame_equal(here[columns], there[columns])
    assert list(here["seed"]) == [4, 4, 5, 5] * 2
    with pytest.raises(edgeopt.UsageError, match="cannot go to another process"):
        edgeopt.compare(instances, [lambda instance: {}], workers=2)
    with pytest.raises(edgeopt.UsageError, match="at least 1"):
        edgeopt.compare(instances, ["greedy"], workers=0)


def test_means_and_intervals_are_students() -> None:
    frame = cases(deadline_s=[0.2, 0.4], seed=[1, 2, 3]).to_frame()
    table = study_table(frame, "deadline_s").set_index(["method", "deadline_s"])
    for (method, deadline), row in table.iterrows():
        values = list(frame[(frame["method"] == method) & (frame["deadline_s"] == deadline)]["objective"])
        assert row["mean"] == pytest.approx(mean(values))
        assert row["half_width"] == pytest.approx(4.30265 * stdev(values) / 3**0.5, rel=1e-5)  # t of 2 degrees
        assert (row["runs"], row["missing"]) == (3, 0)
    proven = optimum_table(frame, "deadline_s").set_index("deadline_s")["mean"]
    assert list(proven) == [pytest.approx(table.loc[("dp", value), "mean"]) for value in (0.2, 0.4)]


def test_repeated_seeds_of_an_instance_do_not_narrow_the_interval() -> None:
    rows = [("a", 1, 0, 4.0), ("b", 1, 0, 8.0), ("a", 1, 1, 4.0), ("b", 1, 1, 8.0)]
    frame = pd.DataFrame(rows, columns=["instance", "x", "seed", "objective"]).assign(method="m")
    (line,) = study_table(frame, "x").itertuples()
    assert line.half_width == pytest.approx(12.7062 * stdev([4.0, 8.0]) / 2**0.5, rel=1e-5)
    one = study_table(frame[frame["instance"] == "a"].assign(objective=[1.0, 3.0]), "x")
    assert one["half_width"][0] > 0


def test_a_missing_run_leaves_no_mean() -> None:
    frame = cases(deadline_s=[0.2, 0.4], seed=[1, 2]).to_frame()
    frame.loc[0, "objective"] = np.nan
    table = study_table(frame, "deadline_s")
    assert (table["missing"] == [1, 0, 0, 0, 0, 0]).all()
    assert list(table["mean"].isna()) == [True, False, False, False, False, False]
    title = plot_study(frame, "deadline_s").get_title(loc="left")
    assert "1 runs" in title
    with pytest.raises(edgeopt.UsageError, match="no column 'deadline'"):
        study_table(frame, "deadline")


def test_pictures_have_a_line_for_each_method_and_the_optimum() -> None:
    result = cases(deadline_s=[0.2, 0.4, 0.8], seed=[1, 2])
    frame = result.to_frame()
    ax = Figure().add_subplot()
    assert plot_study(frame, "deadline_s", ax=ax) is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["optimum", "dp", "greedy-append", "random"]
    assert len(ax.containers) == 3
    chosen = plot_study(frame, "deadline_s", labels={"random": "by chance"}, optimum=False, ylabel="users", ylim=(0, 9))
    assert (chosen.get_ylabel(), chosen.get_ylim()) == ("users", (0, 9))
    assert [text.get_text() for text in chosen.get_legend().get_texts()] == ["by chance"]
    held = plot_study(frame.assign(all=9.0), "deadline_s", facts={"all": "all users"})
    assert [text.get_text() for text in held.get_legend().get_texts()][1] == "all users"
    assert [set(line.get_ydata()) for line in held.lines if line.get_label() == "all users"] == [{9.0}]
    with pytest.raises(edgeopt.UsageError, match="no column 'most'"):
        plot_study(frame, "deadline_s", facts={"most": "all users"})
    words = plot_study(frame.assign(size=["small" if v < 0.5 else "large" for v in frame["deadline_s"]]), "size")
    assert [tick.get_text() for tick in words.get_xticklabels()] == ["small", "large"]
    gaps = result.plot().axes[0]
    assert [tick.get_text() for tick in gaps.get_yticklabels()] == ["dp", "greedy-append", "random"]
    bars = result.cases[0].comparison.plot(Figure().add_subplot()).axes[0]
    assert len(bars.patches) == 3


def test_tables_for_papers() -> None:
    table = pd.DataFrame({"m_1": ["a & b", "c|d"], "x": [1.5, None], "n": [3, 4]})
    assert table_text(table, ".md").splitlines() == [
        "| m_1 | x | n |",
        "| --- | ---: | ---: |",
        "| a & b | 1.5 | 3 |",
        "| c\\|d | - | 4 |",
    ]
    latex = table_text(table, ".tex")
    assert r"m\_1 & x & n \\" in latex
    assert r"a \& b & 1.5 & 3 \\" in latex
    assert latex.startswith(r"\begin{tabular}{lrr}")
    study = study_table(cases(deadline_s=[0.2, 0.4], seed=[1, 2]).to_frame(), "deadline_s")
    wide = pivot(study)
    assert list(wide.columns) == ["deadline_s", "dp", "greedy-append", "random"]
    assert list(wide["deadline_s"]) == ["200 ms", "400 ms"]
    assert " ± " in wide["dp"][0]


def test_the_command_line_writes_studies(swept: Path, tmp_path: Path) -> None:
    key = "users.*.deadline_s"
    code, out, err = run("results", swept, "--x", key, "--plot", tmp_path / "s.png", "--table", tmp_path / "s.tex")
    assert code == 0, err
    assert "| x0.5 |" in out
    assert "\nusers: means" in out
    assert (tmp_path / "s.tex").read_text().startswith("% users: means")
    assert r"\toprule" in (tmp_path / "s.tex").read_text()
    assert (tmp_path / "s.png").stat().st_size > 1000
    code, _, _ = run("results", swept, "--x", key, "--table", tmp_path / "s.csv")
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 1 + 2
    code, _, _ = run("results", swept, "--table", tmp_path / "s.md")
    assert (tmp_path / "s.md").read_text().startswith("| problem |")
    for arguments, words in (
        (["--x", "nothing"], "have no column 'nothing'"),
        (["--plot", tmp_path / "t.png"], "name it with --x"),
        (["--table", tmp_path / "t.doc"], "should end in"),
    ):
        code, _, err = run("results", swept, *arguments)
        assert code == 2
        assert words in err
    write_table(read_results(swept), tmp_path / "all.md")


def test_what_weights_are_is_named_in_every_table(tmp_path: Path) -> None:
    weighted = DRAW(seed=1, weights="classes")
    plain = DRAW(seed=1)
    assert (plain.conventions.heading, weighted.conventions.heading) == ("users", "weight")
    compared = edgeopt.compare([plain, weighted], ["greedy-append"]).to_frame()
    assert list(zip(compared["measure"], compared["unit"], strict=True)) == [("users", "users"), ("weight", "")]
    assert measured_heading(compared) == "objective"
    assert measured_heading(compared, "runtime_s") == "runtime_s"
    assert plot_study(compared.iloc[1:], "seed").get_ylabel() == "weight"
    methods = [{"problem": "loading", "names": ["dp"]}]
    suite = {"name": "weights", "time_limit_s": 20, "instances": [weighted], "methods": methods}
    results = edgeopt.sweep(suite, tmp_path / "weights.sqlite")
    assert measured_heading(read_results(results)) == "weight"
    code, out, err = run("results", results, "--x", "seed", "--table", tmp_path / "s.md")
    assert code == 0, err
    assert "\nweight: means" in out
    assert (tmp_path / "s.md").read_text().startswith("weight: means")
    write_sweep_report(tmp_path / "s.html", results)
    page = (tmp_path / "s.html").read_text()
    assert ">best weight<" in page
    assert ">best users<" not in page
    weighted.write(tmp_path / "w.json")
    code, out, err = run("compare", tmp_path / "w.json", "--methods", "dp", "--csv", tmp_path / "c.csv")
    assert code == 0, err
    assert "users" not in out.splitlines()[1]
    row = next(DictReader((tmp_path / "c.csv").open()))
    assert (row["measure"], row["unit"]) == ("weight", "")


def test_what_if_users_had_weights_counts_weights() -> None:
    result = edgeopt.whatif(two_models(), {"users.*.weight": [2.5]})
    assert result.conventions.heading == "weight"
    assert "users" not in result.verdict.replace("users.*.weight", "")
    assert "weight" in str(result).splitlines()[1].split()
    assert result.plot().axes[0].get_ylabel() == "weight"


def test_the_axis_of_a_study_has_labels_that_can_be_read() -> None:
    sizes = [98_599_600, 246_499_000, 492_998_000, 985_996_000, 1_478_990_000, 1_971_990_000]
    rows = [("i", size, 0, 1.0, "m") for size in sizes]
    frame = pd.DataFrame(rows, columns=["instance", "memory_bytes", "seed", "objective", "method"])
    shown = [label.get_text() for label in plot_study(frame, "memory_bytes").get_xticklabels()]
    assert shown == ["98.6 MB", "246 MB", "493 MB", "986 MB", "1.48 GB"]
    counts = frame.assign(nodes=[1, 2, 3, 4, 4, 4])
    assert all(float(tick).is_integer() for tick in plot_study(counts, "nodes").get_xticks())


def test_ranges_can_be_varied() -> None:
    instances = edgeopt.drawn(lambda window: two_models(), window=[(0.0, 1.0), (0.0, 2.0)])
    frame = edgeopt.compare(instances, ["dp"]).to_frame()
    assert list(frame["window"]) == ["[0.0, 1.0]", "[0.0, 2.0]"]
    assert list(study_table(frame, "window")["window"]) == ["[0.0, 1.0]", "[0.0, 2.0]"]


def test_losses_are_relative_to_a_method_and_know_the_sense() -> None:
    served = pd.DataFrame(
        [
            {"problem": "loading", "instance": name, "seed": 0, "method": method, "objective": value}
            for name, values in {"a": (10, 8), "b": (4, 4), "c": (0, 0), "d": (5, None)}.items()
            for method, value in zip(("exact", "greedy"), values, strict=True)
        ]
    )
    loss = losses([served])
    assert loss["greedy"].to_dict() == {"mean": 10.0, "worst": 20.0, "cases": 2.0}
    assert "exact" not in loss
    delays = served.assign(problem="pulling", objective=[2.0, 3.0, 4.0, 4.0, 1.0, 1.5, 1.0, 1.0])
    assert losses([served, delays])["greedy"].to_dict() == pytest.approx({"mean": 20.0, "worst": 50.0, "cases": 6})
    with pytest.raises(edgeopt.UsageError, match="no study has plans of the method 'dp'"):
        losses([served], "dp")


def test_facts_of_instances_are_columns() -> None:
    compared = edgeopt.compare(edgeopt.drawn(DRAW, seed=[1, 2]), ["dp", "random"])
    frame = compared.to_frame(users=lambda instance: len(instance.users)).eval("share = objective / users")
    assert list(frame["users"]) == [20] * 4
    assert frame["share"].tolist() == pytest.approx([row / 20 for row in frame["objective"]])
    assert losses([frame], "dp").loc["mean", "random"] >= 0

"""Names that would command a terminal or a figure, terminals that know few characters, plans that do not fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import edgeopt
from edgeopt.cli import main
from edgeopt.cli.terminal import printable
from edgeopt.libraries.library import Model, ModelLibrary
from tests.cli.program import run
from tests.plans import two_models

ROOT = Path(__file__).parents[2]
NAMES = [r"[/]$\frac", "\x1b[31m日本\x1b]0;title\x07"]
MORE_NAMES = ["[/]", r"$\frac", "日本", "[bold]x[/]", "$x_", "$a$ $b$", "\x9b2J", "é", "=1+1"]


def renamed(name: str, folder: Path) -> Path:
    """Write a small instance of loading, in which everything has a strange name."""
    data = two_models().to_dict()
    data["name"] = name
    library = data["library"]
    for model in list(library["models"]):
        library["models"][f"{name}-{model}"] = library["models"].pop(model)
    for user in list(data["users"]):
        entry = dict(data["users"].pop(user))
        data["users"][f"{name}-{user}"] = entry | {"model": f"{name}-{entry['model']}"}
    path = folder / "instance.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_NAMES)])
def test_names_are_shown_as_they_are_in_every_verb(name: str, tmp_path: Path) -> None:
    instance = renamed(name, tmp_path)
    for arguments in (
        ["solve", instance, "-m", "greedy", "-o", tmp_path / "s.json"],
        ["compare", instance, "-m", "greedy,edf"],
        ["info", instance],
        ["info", tmp_path / "s.json"],
        ["check", instance, tmp_path / "s.json"],
        ["plot", instance, "-o", tmp_path / "p.png"],
        ["plot", tmp_path / "s.json", "-o", tmp_path / "p.svg"],
    ):
        code, out, err = run(*arguments)
        assert code == 0, err
        assert not {"\x1b", "\x9b", "\x07"} & set(out + err)
        if arguments[0] in ("solve", "compare"):
            assert printable(name) in out


@pytest.mark.parametrize(
    ("encoding", "json_wanted"), [("latin-1", True), pytest.param("cp1252", False, marks=pytest.mark.slow)]
)
def test_a_terminal_that_does_not_know_a_character_shows_its_escape(
    encoding: str, json_wanted: bool, tmp_path: Path
) -> None:
    instance = renamed("日本", tmp_path)
    command = [sys.executable, "-c", "from edgeopt.cli import main; main()", "solve", str(instance), "-m", "edf"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    done = subprocess.run(
        [*command, *(["--json"] if json_wanted else [])], capture_output=True, env=environment, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    assert (json.loads(shown)["instance"] == "日本") if json_wanted else (r"\u65e5\u672c" in shown)


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_output_costs_nothing(closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell's `>&-` leaves Python without the stream."""
    two_models().write(tmp_path / "two.json")
    monkeypatch.setattr(sys, closed, None)
    monkeypatch.setattr(sys, "argv", ["edgeopt", "solve", str(tmp_path / "two.json"), "-m", "greedy"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0


def test_a_figure_shows_dollar_signs_and_not_mathematics(tmp_path: Path) -> None:
    from matplotlib.text import Text

    from edgeopt.libraries.figure import plot_sharing

    library = ModelLibrary(name="$x^2$", blocks={"b": 1}, models={r"$\frac": Model(blocks=["b"])})
    figure = plot_sharing(library)
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if "x^2" in text.get_text() or "frac" in text.get_text()]
    assert len(texts) >= 2
    assert all(text._preprocess_math(text.get_text())[1] is False for text in texts)


def test_a_plan_that_breaks_its_instance_is_not_drawn(tmp_path: Path) -> None:
    instance = two_models()
    instance.write(tmp_path / "i.json")
    assert run("solve", tmp_path / "i.json", "-m", "greedy", "-o", tmp_path / "s.json")[0] == 0
    data = json.loads((tmp_path / "s.json").read_text())
    data["plan"]["bandwidth_hz"] = dict.fromkeys(data["plan"]["bandwidth_hz"], 1000000000000000.0)
    (tmp_path / "s.json").write_text(json.dumps(data))
    code, _, err = run("plot", tmp_path / "s.json", "-o", tmp_path / "p.png")
    assert code == 2
    assert "s.json" in err
    assert "the solution fails the check: total bandwidth" in err
    assert "Traceback" not in err
    assert not (tmp_path / "p.png").exists()
    broken = edgeopt.Solution.read(tmp_path / "s.json").of(instance)
    for show in (broken.plot, broken.to_frame):
        with pytest.raises(edgeopt.InputError, match="the plan breaks"):
            show()


@pytest.mark.parametrize("verb", [("show",), ("plot", "-o", "p.png")])
def test_a_solution_that_states_more_than_its_plan_is_worth_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    two_models().write("i.json")
    edgeopt.solve("i.json", "greedy").model_copy(update={"objective": 99}).write("s.json")
    code, out, err = run(verb[0], "s.json", *verb[1:], "--instance", "i.json")
    assert (code, out) == (2, "")
    assert "s.json: the solution fails the check: stated objective, the plan is worth 3, not 99" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "loading", "-o", "x.txt"],
        ["library", "from-config", "resnet50", "-o", "x.pdf"],
        ["library", "scan", ".", "-o", "x.csv"],
        ["import", "sukp", "x", "-o", "x.csv"],
        ["sweep", "x.toml", "-o", "x.json"],
        ["bench", "x.toml", "-o", "x.json"],
    ],
)
def test_outputs_end_as_what_is_written_in_them(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments)
    assert code == 2
    assert "should end in ." in err


def test_adapters_of_a_network_without_matrices_say_what_to_do(tmp_path: Path) -> None:
    arguments = ["--adapters", 2, "--rank", 8, "--modules", "q_proj", "-o", tmp_path / "l.json"]
    code, _, err = run("library", "from-config", "resnet50", *arguments)
    assert code == 2
    assert "a transformer's layers" in err
    assert run("library", "from-config", "llama-2-7b", *arguments)[0] == 0
    assert "llama-2-7b/shared-by-3" in ModelLibrary.read(tmp_path / "l.json").blocks


@pytest.mark.parametrize("verb", [[], ["solve"], ["sweep"], ["generate"], ["generate", "loading"], ["library", "scan"]])
def test_help_shows_no_value_of_what_takes_none(verb: list[str]) -> None:
    code, out, _ = run(*verb, "--help")
    assert code == 0
    assert "--help" in out
    assert "<bool>" not in out


@pytest.mark.parametrize("problem", ["placement", "pulling"])
def test_small_memories_do_not_read_as_none(problem: str) -> None:
    code, out, _ = run("info", ROOT / "instances" / problem / "tiny.json")
    assert code == 0
    assert "0.000" not in out
    assert "0.227" not in out

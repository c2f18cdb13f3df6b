"""The shipped instances are what their commands make, and can be solved."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from shutil import copytree

import pytest
from typer.testing import CliRunner

import edgeopt
from edgeopt.cli.application import app
from edgeopt.libraries.library import ModelLibrary

FOLDER = Path(__file__).parents[2] / "instances" / "caching"
COMMANDS = re.findall(r"^edgeopt (generate caching .*)$", (FOLDER / "README.md").read_text(), re.M)
LIBRARY_COMMANDS = re.findall(r"^edgeopt (library from-config .*)$", (FOLDER / "README.md").read_text(), re.M)


def test_every_file_has_its_command() -> None:
    made = {shlex.split(command)[-1] for command in COMMANDS}
    assert made == {path.name for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("command", COMMANDS)
def test_file_is_what_its_command_makes(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command beside a copy of the libraries writes the same bytes."""
    work = tmp_path / "caching"
    work.mkdir()
    (tmp_path / "libraries").symlink_to(FOLDER.parent / "libraries")
    copytree(FOLDER / "libraries", work / "libraries")
    monkeypatch.chdir(work)
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == 0, result.output
    name = shlex.split(command)[-1]
    written, shipped = (work / name).read_text(), (FOLDER / name).read_text()
    pattern = r'"library": ".*?/libraries/'  # the link's own place stands in the copy
    assert re.sub(pattern, "", written) == re.sub(pattern, "", shipped)


@pytest.mark.parametrize("command", LIBRARY_COMMANDS)
def test_library_is_what_its_command_makes(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copytree(FOLDER / "libraries", tmp_path / "libraries")
    monkeypatch.chdir(tmp_path / "libraries")
    name = shlex.split(command)[-1]
    Path(name).unlink()
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == 0, result.output
    assert Path(name).read_text() == (FOLDER / "libraries" / name).read_text()


def test_llama_base_has_its_published_parameters() -> None:
    """Two bytes for each of the parameters of a base, whatever its blocks are."""
    library = ModelLibrary.read(FOLDER / "libraries" / "llama-3.2-1b.json")
    assert library.size_bytes("llama-3.2-1b") == 2 * 1_235_814_400


@pytest.mark.slow
def test_smallest_is_solved() -> None:
    solution = edgeopt.solve(edgeopt.read(FOLDER / "cells-4.json"), threads=1)
    assert solution.gap < 1e-3
    assert edgeopt.check(edgeopt.read(FOLDER / "cells-4.json"), solution).feasible

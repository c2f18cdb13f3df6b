"""The package that docs/extending.md shows is built and joins edgeopt through its entry point."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", re.M | re.S)
COMMANDS = re.compile(r"^edgeopt .*$", re.M)


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder / "installed")}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def build(folder: Path) -> None:
    """Write the files of the page, build the wheel, and lay it out as an installation does."""
    for name, content in FILE.findall(PAGE):
        (folder / name).write_text(content, encoding="utf-8")
    run(folder, sys.executable, "-c", "from setuptools.build_meta import build_wheel; build_wheel('dist')")
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")


@pytest.mark.slow
def test_the_package_of_the_page_joins_edgeopt(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    build(tmp_path)
    (tmp_path / "instances").symlink_to(ROOT / "instances", target_is_directory=True)
    edgeopt = (sys.executable, "-c", "from edgeopt.cli import main; main()")
    listed, solved, compared = (run(tmp_path, *edgeopt, *shlex.split(line)[1:]) for line in COMMANDS.findall(PAGE))
    assert re.search(r"^ +popular +baseline +none$", listed, re.M)
    assert re.search(r"^method +popular$", solved, re.M)
    assert re.search(r"^popular +\d+ ", compared, re.M)

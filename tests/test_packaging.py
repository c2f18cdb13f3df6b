"""The project file says what the package is, and what it needs."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import edgeopt
import edgeopt.models
from edgeopt.method import ENTRY_POINT_GROUP, EXTRAS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMPORTED_AS = {"edgeopt": "edgeopt", "pyscipopt": "pyscipopt", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def requirement_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=;~ ]", requirement)[0].lower() for requirement in requirements}


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "edgeopt").rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_formulations_stand_at_the_top_and_belong_to_the_package() -> None:
    assert edgeopt.models.__name__ == "edgeopt.models"
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {"edgeopt.models": "models"}


@pytest.mark.parametrize("installed", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_bare_checkout_works(installed: bool, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for package in ("edgeopt", "models"):
        shutil.copytree(ROOT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__"))
    hidden = (
        ""
        if installed
        else "import importlib.metadata as m\ndef gone(name): raise m.PackageNotFoundError(name)\nm.version = gone\n"
    )
    code = (
        "import sys\n"
        "sys.meta_path = [finder for finder in sys.meta_path if 'editable' not in str(finder).lower()]\n"
        f"{hidden}"
        "import edgeopt, edgeopt.models.loading\n"
        "print(edgeopt.__file__, edgeopt.models.__file__, edgeopt.__version__, sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    package, formulations, stated = done.stdout.splitlines()
    assert Path(package) == checkout / "edgeopt" / "__init__.py"
    assert Path(formulations) == checkout / "models" / "__init__.py"
    assert stated == (edgeopt.__version__ if installed else "unknown")


def test_every_import_is_a_declared_dependency() -> None:
    declared = requirement_names(PROJECT["project"]["dependencies"])
    for extra, requirements in PROJECT["project"]["optional-dependencies"].items():
        if extra not in ("dev", "notebook"):
            declared |= requirement_names(requirements)
    sources = [*(ROOT / "edgeopt").rglob("*.py"), *(ROOT / "models").glob("*.py")]
    imported = {name for source in sources for name in top_level_imports(source)} - set(sys.stdlib_module_names)
    assert {IMPORTED_AS.get(name, name).lower() for name in imported} - {"edgeopt"} <= declared


def top_level_imports(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_extras_of_methods_exist() -> None:
    assert set(EXTRAS.values()) <= set(PROJECT["project"]["optional-dependencies"])


def test_entry_points_and_version_are_those_of_the_project_file() -> None:
    (script,) = entry_points(group="console_scripts", name="edgeopt")
    assert callable(script.load())
    assert edgeopt.__version__ == version("edgeopt") == PROJECT["project"]["version"]
    assert ENTRY_POINT_GROUP in PROJECT["project"]["entry-points"]


def test_every_public_name_is_there() -> None:
    assert sorted(edgeopt.__all__) == edgeopt.__all__
    assert all(hasattr(edgeopt, name) for name in edgeopt.__all__)


def test_solving_by_dynamic_program_imports_no_solver() -> None:
    code = (
        "import sys, edgeopt\n"
        f"instance = edgeopt.read({str(ROOT / 'instances' / 'loading' / 'tiny.json')!r})\n"
        "print(edgeopt.solve(instance, 'dp').objective)\n"
        "print([name for name in ('pyomo', 'highspy', 'ortools', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["7", "[]"]


def test_the_version_stands_in_one_place() -> None:
    number = PROJECT["project"]["version"]
    assert re.search(rf"^version: {re.escape(number)}$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert json.loads((ROOT / ".zenodo.json").read_text())["version"] == number
    assert f'version: "{number}"' in (ROOT / "conda/recipe.yaml").read_text()
    assert f"version = {{{number}}}" in (ROOT / "docs/faq.md").read_text()
    released = re.search(r"^date-released: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert released is not None
    assert f"## [{number}] - {released[1]}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    renamed = {"ortools-python": "ortools", "matplotlib-base": "matplotlib"}
    listed = re.search(r"  run:\n(.*?)\n\n", (ROOT / "conda/recipe.yaml").read_text(), re.S)
    assert listed is not None
    needed = [line.strip("- ").split(" ") for line in listed[1].splitlines()]
    runs = {renamed.get(name, name) + bounds for name, bounds in needed if name != "python"}
    assert runs == set(PROJECT["project"]["dependencies"])

"""The house has floors, and an import never points up, whether it is late or for types only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
PROBLEMS = {"loading", "pulling", "caching", "placement", "residency"}
FLOORS = [
    {
        "errors",
        "clock",
        "versions",
        "tolerances",
        "frozen",
        "quantities",
        "csv_records",
        "layout",
        "lean_imports",
        "files",
        "record",
        "kernel_compiler",
        "kernels",
        "weights",
        "interrupts",
    },
    {"drawing", "measured", "libraries", "machine"},
    {"problems", "instance", "solution", "run", "method", "patience", "recipes", "variations", "builder", "stopping"},
    {"engines"},
    {"models", *PROBLEMS},
    {
        "rehearsal",
        "comparing",
        "progress_bar",
        "comparison",
        "certificates",
        "run_options",
        "sensitivity",
        "solving",
        "formulations",
        "exports",
    },
    {"experiments"},
    {"reporting", "schema"},
    {"edgeopt", "cli", "__main__"},
]
HEIGHT = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


@cache
def sources() -> dict[str, Path]:
    """Return the file of each module of the package, formulations included."""
    found = {}
    for folder, prefix in ((ROOT / "edgeopt", ()), (ROOT / "models", ("edgeopt",))):
        for path in folder.rglob("*.py"):
            parts = (*prefix, *path.relative_to(ROOT).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Return the modules of the package that a module imports, wherever in its file."""
    return frozenset(_imports(module))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements in a node of a syntax tree, however deep; an import is one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield child
            yield from _statements(child)


def _imports(module: str) -> Iterator[str]:
    for node in _statements(ast.parse(sources()[module].read_text())):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            named = [name if name in sources() else str(node.module) for name in inner]
        else:
            continue
        yield from (name for name in named if name in sources() and name != module)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else module


@cache
def graph() -> nx.DiGraph:
    return nx.DiGraph({module: list(imports(module)) for module in sources()})


def test_every_room_stands_on_a_floor() -> None:
    assert {room(module) for module in sources()} == set(HEIGHT)


def test_no_import_points_up() -> None:
    up = {
        module: [name for name in imports(module) if HEIGHT[room(name)] > HEIGHT[room(module)]] for module in sources()
    }
    assert not {module: names for module, names in up.items() if names}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not [circle for circle in nx.strongly_connected_components(graph()) if len(circle) > 1]


def test_problems_do_not_know_each_other() -> None:
    others = {
        module: [name for name in imports(module) if room(name) in PROBLEMS - {room(module)}]
        for module in sources()
        if room(module) in PROBLEMS
    }
    assert not {module: names for module, names in others.items() if names}


def test_a_formulation_never_calls_a_solver() -> None:
    engines = {
        module: [name for name in nx.descendants(graph(), module) if room(name) == "engines"]
        for module in sources()
        if room(module) == "models"
    }
    assert not {module: names for module, names in engines.items() if names}


@pytest.mark.parametrize("problem", sorted(PROBLEMS))
def test_a_checker_knows_no_method(problem: str) -> None:
    used = nx.descendants(graph(), f"edgeopt.{problem}.checker")
    assert not [name for name in used if room(name) in ("method", "engines", "models")]

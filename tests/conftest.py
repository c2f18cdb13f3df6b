"""What holds for all tests: their order, and that methods which one of them registers are gone afterwards."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgeopt
from edgeopt.problems import PROBLEMS

TESTS = Path(__file__).parent
WITHOUT_KERNELS = {"drawing", "engines", "libraries", "machine", "measured", "test_files.py", "test_layers.py"}


def turn(path: Path) -> int:
    """Return when the tests of a file begin: two workers that each take half of all then compile different kernels."""
    parts = path.relative_to(TESTS).parts
    if any("loading" in part for part in parts):
        return 0
    if parts[0] in WITHOUT_KERNELS:
        return 1
    return 2 if any(problem in part for problem in PROBLEMS for part in parts) else 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of loading, which has most kernels, and end with those that use the kernels of all."""
    items.sort(key=lambda item: turn(item.path))


def pytest_collection_finish() -> None:
    """Leave what is collected out of further collections of garbage: they take a twentieth of all time otherwise."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_methods() -> None:
    """Load the methods of all problems before any test registers others."""
    for problem in PROBLEMS:
        edgeopt.methods(problem)


@pytest.fixture(autouse=True)
def same_methods(own_methods: None) -> Iterator[None]:
    """Forget the methods that a test, or a plug-in that it loads, has registered."""
    registries = [getattr(sys.modules["edgeopt.method"], name) for name in ("_REGISTRY", "_FAMILIES")]
    before = [{problem: dict(methods) for problem, methods in registry.items()} for registry in registries]
    yield
    for registry, methods in zip(registries, before, strict=True):
        registry.clear()
        registry.update(methods)

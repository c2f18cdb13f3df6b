"""What holds for all tests: methods that one of them registers are gone afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import edgeopt
from edgeopt.problems import PROBLEMS


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

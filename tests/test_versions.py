"""Extras are named by how edgeopt was installed."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgeopt import versions


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'edgeopt[learn]'"),
        ({"url": "file:///home/ann/a%20b", "dir_info": {"editable": True}}, "pip install -e '/home/ann/a b[learn]'"),
        ({"url": "file:///home/ann/edgeopt", "dir_info": {}}, "pip install '/home/ann/edgeopt[learn]'"),
        (
            {"url": "https://example.org/edgeopt.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            "pip install 'edgeopt[learn] @ git+https://example.org/edgeopt.git'",
        ),
        (
            {"url": "file:///tmp/edgeopt-0.2.0-py3-none-any.whl", "archive_info": {}},
            "pip install 'edgeopt[learn] @ file:///tmp/edgeopt-0.2.0-py3-none-any.whl'",
        ),
    ],
    ids=["index", "editable", "folder", "repository", "wheel"],
)
def test_extras_come_from_where_edgeopt_came(origin: Any, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = None if origin is None else json.dumps(origin)
    monkeypatch.setattr(versions, "distribution", lambda name: SimpleNamespace(read_text=lambda file: text))
    assert versions.install_command.__wrapped__("learn") == command


def test_extras_of_a_checkout_that_was_not_installed_come_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(versions, "distribution", gone)
    checkout = Path(__file__).parents[1]
    assert versions.install_command.__wrapped__("learn") == f"pip install -e '{checkout}[learn]'"

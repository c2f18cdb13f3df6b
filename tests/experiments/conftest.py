from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the methods of our own leave their log, whoever runs them."""
    monkeypatch.setenv("EDGEOPT_TEST_FOLDER", str(tmp_path))
    return tmp_path

"""Check types as in an installed package, where the formulations stand inside it as `edgeopt.models`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run mypy on links to the sources, laid out as they are installed; return its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "edgeopt"
        package.mkdir()
        for path in [*(ROOT / "edgeopt").iterdir(), ROOT / "models"]:
            if path.name != "__pycache__":
                (package / path.name).symlink_to(path)
        command = [sys.executable, "-m", "mypy", "-p", "edgeopt", "--config-file", str(ROOT / "pyproject.toml")]
        return subprocess.run(
            [*command, "--cache-dir", str(ROOT / ".mypy_cache")], cwd=folder, env={**os.environ, "MYPYPATH": folder}
        ).returncode


if __name__ == "__main__":
    sys.exit(main())

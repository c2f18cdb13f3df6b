"""The figures of the tutorials, drawn by the code that stands on their pages."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path

import matplotlib

CODE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def tutorial_figures(root: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield the figures that tutorials save: place in the site, place from which links count, content."""
    matplotlib.use("agg")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "instances").symlink_to(root / "instances", target_is_directory=True)
        for page in sorted((root / "docs/tutorials").glob("*.md")):
            with chdir(folder), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                namespace = {"__name__": page.stem}
                for code in CODE.findall(page.read_text(encoding="utf-8")):
                    exec(compile(code, str(page), "exec"), namespace)
        for figure in sorted(Path(folder).glob("*.png")):
            yield f"tutorials/{figure.name}", f"docs/tutorials/{figure.name}", figure.read_bytes()

"""Pages of the notebooks, executed, with their outputs."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter


def gallery_pages(folder: Path) -> Iterator[tuple[str, str, str | bytes]]:
    """Yield a page for each notebook, and its pictures: place in the site, place in the repository, content.

    The notebooks run in their folder, as a reader's do.
    """
    exporter = MarkdownExporter()
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if os.environ.get("EDGEOPT_NOTEBOOKS") != "as they are":
            NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
        text, resources = exporter.from_notebook_node(
            notebook, {"unique_key": path.stem, "output_files_dir": path.stem}
        )
        yield f"gallery/{path.stem}.md", f"notebooks/{path.name}", text
        for name, picture in resources["outputs"].items():
            content = picture if isinstance(picture, bytes) else base64.b64decode(picture)
            yield f"gallery/{name}", f"notebooks/{name}", content

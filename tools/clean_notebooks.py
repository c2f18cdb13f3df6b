"""Take outputs, counts and machine-made metadata out of notebooks, so that a change shows what was written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def cleaned(text: str) -> str:
    """Return a notebook's text without what a run leaves in it."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    notebook["metadata"] = METADATA
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(files: list[str]) -> int:
    """Clean notebooks in place; return 1 if one had to be changed, as pre-commit wants it."""
    changed = 0
    for name in files:
        path = Path(name)
        before = path.read_text(encoding="utf-8")
        after = cleaned(before)
        if json.loads(before) != json.loads(after):
            path.write_text(after, encoding="utf-8")
            print(f"cleaned {name}")
            changed = 1
    return changed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

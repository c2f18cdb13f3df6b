"""Tables of results for papers and pages: LaTeX and Markdown, or CSV and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeopt.errors import UsageError
from edgeopt.experiments.export import ENDINGS, export, require_table
from edgeopt.files import write_text
from edgeopt.layout import latex_table, markdown_table
from edgeopt.quantities import NOTHING, number, quantity, unit_of

if TYPE_CHECKING:
    import pandas as pd

TEXTS = {".md": markdown_table, ".tex": latex_table}


def pivot(table: pd.DataFrame) -> pd.DataFrame:
    """Return what `study_table` gives as a table for readers: a column for each of what is compared.

    A cell is the mean, with the half width of its interval where there are several runs. Numbers of a key with a unit
    have theirs.
    """
    import pandas as pd

    by, x = str(table.columns[0]), str(table.columns[1])
    unit = unit_of(x)
    cells: dict[str, dict[Any, str]] = {}
    for row in table.itertuples(index=False, name=None):
        name, value, mean, half = row[:4]
        value = value if not unit or isinstance(value, str) else quantity(value, unit)
        text = NOTHING if mean != mean else f"{mean:.4g}" + ("" if half != half else f" ± {half:.2g}")
        cells.setdefault(str(name), {})[value] = text
    frame = pd.DataFrame(cells).rename_axis(index=x, columns=by)
    return frame.fillna(NOTHING).reset_index().rename_axis(columns=None)


def study_caption(measured: str) -> str:
    """Say what the cells of `pivot` are."""
    return f"{measured}: means, ± half of their 95 % intervals"


def table_text(frame: pd.DataFrame, ending: str, caption: str = "") -> str:
    """Lay out a frame as Markdown (``".md"``) or LaTeX (``".tex"``, with the package booktabs).

    A caption stands in a line above the table, in LaTeX as a comment.
    """
    headings = [str(column) for column in frame]
    numeric = [column for column, name in enumerate(frame) if frame[name].dtype.kind in "iuf"]
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    above = (f"% {caption}\n" if ending == ".tex" else f"{caption}\n\n") if caption else ""
    return above + TEXTS[ending](headings, rows, numeric)


def write_table(frame: pd.DataFrame, path: str | Path, caption: str = "") -> None:
    """Write a frame as ``.md``, ``.tex``, ``.csv`` or ``.parquet``, whole or not at all; the first two have a caption.

    Raises
    ------
    UsageError, MissingExtra
        The ending names no format, or Parquet's library is not installed.
    """
    path = Path(path)
    require_format(path)
    if path.suffix.lower() in TEXTS:
        write_text(path, table_text(frame, path.suffix.lower(), caption))
    else:
        export(frame, path)


def require_format(path: Path) -> None:
    """Make sure that a table can be written in the format that the file's ending names."""
    if path.suffix.lower() not in (*TEXTS, *ENDINGS):
        raise UsageError(f"{str(path)!r} should end in one of {', '.join((*TEXTS, *ENDINGS))}")
    if path.suffix.lower() in ENDINGS:
        require_table(path)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return NOTHING
    if isinstance(value, str):
        return value
    return number(value.item() if hasattr(value, "item") else value)

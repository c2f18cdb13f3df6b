"""Frames as CSV or Parquet files."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from edgeopt.errors import MissingExtra, UsageError
from edgeopt.files import write_bytes, write_text
from edgeopt.layout import csv_text
from edgeopt.versions import install_command

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")


def require_table(path: Path) -> None:
    """Make sure that a table can be written in the format that the file's ending names.

    Raises
    ------
    UsageError
        It names none.
    MissingExtra
        Parquet needs the extra ``parquet``.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{str(path)!r} should end in one of {', '.join(ENDINGS)}")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtra(f"Parquet needs an extra: {install_command('parquet')}")


def export(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame as CSV or Parquet, whole or not at all; missing values are empty (CSV) or null (Parquet).

    Raises
    ------
    UsageError, MissingExtra
        The file's ending names neither format, or Parquet's library is not installed.
    """
    path = Path(path)
    require_table(path)
    if path.suffix.lower() == ".csv":
        cells = frame.astype(object).where(frame.notna(), None)
        write_text(path, csv_text([str(column) for column in frame], cells.itertuples(index=False, name=None)))
        return
    texts = {column: "string" for column in frame if frame[column].dtype == object}
    buffer = io.BytesIO()
    frame.astype(texts).to_parquet(buffer, index=False, engine="pyarrow")
    write_bytes(path, buffer.getvalue())

"""Reports as one HTML file each, which works without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeopt.comparison import Comparison


def write_comparison_report(
    path: str | Path, comparisons: Sequence[Comparison], facts: Mapping[str, str] | None = None
) -> None:
    """Write the report of comparisons as an HTML file, whole or not at all.

    Parameters
    ----------
    path : path
    comparisons : sequence of Comparison
    facts : mapping of str to str, optional
        What else is known of how they were made, such as the command.
    """
    from edgeopt.files import write_text
    from edgeopt.reporting.report.comparison_page import comparison_page

    write_text(path, comparison_page(comparisons, facts or {}))

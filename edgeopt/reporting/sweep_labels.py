"""Labels that distinguish the instances of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

HASH_DIGITS = 8


def instance_labels(instances: pd.DataFrame) -> dict[str, str]:
    """Label instances by their names, and those of one name also by where they come from.

    Parameters
    ----------
    instances : pandas.DataFrame
        Columns ``sha256``, ``problem``, ``name`` and ``source``.

    Returns
    -------
    dict of str to str
        Labels by SHA-256; no two of a problem are the same.
    """
    labels: dict[str, str] = {}
    for _, same in instances.groupby(["problem", "name"], sort=False):
        unique = same["source"].is_unique
        for row in same.to_dict("records"):
            more = row["source"] if unique else f"{row['source']}, SHA-256 {row['sha256'][:HASH_DIGITS]}"
            labels[row["sha256"]] = row["name"] if len(same) == 1 else f"{row['name']} ({more})"
    return labels

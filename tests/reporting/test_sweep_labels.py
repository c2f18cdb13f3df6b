"""Instances of one name are told apart in reports of sweeps."""

from __future__ import annotations

import pandas as pd

from edgeopt.reporting.sweep_labels import instance_labels


def labels(*rows: tuple[str, str, str, str]) -> list[str]:
    return list(instance_labels(pd.DataFrame(rows, columns=["sha256", "problem", "name", "source"])).values())


def test_a_name_that_stands_once_is_the_label() -> None:
    assert labels(("a1", "loading", "x", "x.json"), ("b2", "placement", "x", "y.json")) == ["x", "x"]


def test_grid_points_of_one_name_are_told_apart_by_their_arguments() -> None:
    drawn = [("a1", "loading", "x", "loading: users=5, upload='phase'"), ("b2", "loading", "x", "loading: users=5")]
    assert labels(*drawn) == ["x (loading: users=5, upload='phase')", "x (loading: users=5)"]


def test_contents_of_one_source_are_told_apart_by_their_hashes() -> None:
    assert labels(("a1", "loading", "x", "x.json"), ("b2", "loading", "x", "x.json")) == [
        "x (x.json, SHA-256 a1)",
        "x (x.json, SHA-256 b2)",
    ]

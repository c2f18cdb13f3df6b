"""The picture of sharing: nothing overlaps, nothing is left out, trees stand together."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from edgeopt.libraries.figure import left_edges, plot_sharing, row_order
from edgeopt.libraries.generator import generate_library
from edgeopt.libraries.library import ModelLibrary


@pytest.mark.parametrize("sharing", ["tree", "backbone", "random", "grid"])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_of_a_model_do_not_overlap_and_a_tree_leaves_no_gaps(sharing: str, seed: int) -> None:
    structure = generate_library(sharing, 25, seed).sharing
    edges = left_edges(structure)
    for model in range(len(structure.model_names)):
        held = structure.incidence[[model], :].indices
        order = held[np.argsort(edges[held])]
        ends = edges[order] + structure.atom_bytes[order]
        assert (edges[order][1:] >= ends[:-1]).all()
        if sharing in ("tree", "backbone"):
            assert ends[-1] == structure.model_bytes[model]


@pytest.mark.parametrize("seed", range(5))
def test_models_that_share_in_a_tree_are_neighbours(seed: int) -> None:
    structure = generate_library("tree", 40, seed).sharing
    position = np.argsort(row_order(structure))
    for models in structure.holders:
        assert np.ptp(position[models]) == len(models) - 1


def test_the_filled_area_is_the_size_of_all_models() -> None:
    library = generate_library("random", 20, 1)
    (drawn,) = [each for each in plot_sharing(library).axes[0].collections if isinstance(each, PolyCollection)]
    corners = np.array([path.vertices[:4] for path in drawn.get_paths()])
    area = np.ptp(corners[:, :, 0], axis=1) * np.ptp(corners[:, :, 1], axis=1)
    assert area.sum() == pytest.approx(library.summary().total_bytes)


def test_title_tells_what_sharing_saves() -> None:
    blocks = {"common": 6_000_000, "a": 2_000_000, "b": 1_000_000}
    models = {"a": {"blocks": ["common", "a"]}, "b": {"blocks": ["common", "b"]}}
    library = ModelLibrary.from_dict({"blocks": blocks, "models": models})
    title = plot_sharing(library).axes[0].get_title(loc="left")
    assert "15 MB model by model, 9 MB with each block once: 6 MB (40.00 %) saved" in title


@pytest.mark.parametrize("models", [{}, {"a": {"blocks": []}}, {"a": {"blocks": ["x"]}}])
def test_draws_the_smallest_libraries(models: dict[str, object]) -> None:
    library = ModelLibrary.from_dict({"blocks": {"x": 0, "unused": 5}, "models": models})
    plot_sharing(library).savefig(io.BytesIO(), dpi=30)


@pytest.mark.parametrize(
    ("sharers", "ticks"), [(2, ["2", "3"]), (5, ["2", "3", "4", "5"]), (60, ["2", "5", "10", "20", "50"])]
)
def test_the_scale_counts_models_in_whole_numbers(sharers: int, ticks: list[str]) -> None:
    models = {str(number): {"blocks": ["common"]} for number in range(sharers)}
    library = ModelLibrary.from_dict({"blocks": {"common": 1}, "models": models})
    figure = plot_sharing(library)
    figure.draw_without_rendering()
    axis = figure.axes[1].yaxis
    assert [tick.get_text() for tick in axis.get_ticklabels()] == ticks
    assert len(axis.get_minorticklocs()) == 0

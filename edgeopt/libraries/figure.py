"""A picture of what the models of a library share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator
from numpy.typing import NDArray

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import INK, PALE
from edgeopt.drawing.picture import axes_in, figure_of
from edgeopt.quantities import percent, quantity

if TYPE_CHECKING:
    from edgeopt.libraries.library import ModelLibrary
    from edgeopt.libraries.sharing import Sharing

Floats = NDArray[np.float64]

FEW_HOLDERS = 6  # up to so many, the scale has all numbers
LABELLED_MODELS = 60
COLOURS = "viridis_r"
OUTLINED_PART = 1 / 150  # of the picture's height: boxes that are at least so high have an outline
MANY_BOXES = 2000


def plot_sharing(library: ModelLibrary, ax: Axes | None = None) -> Figure:
    """Draw which model holds which bytes.

    A row is a model, a box an atom (blocks that the same models hold) as wide as its bytes, at the same place in the
    row of each model that holds it, the most shared first. So tree sharing shows as nested boxes, crossing atoms as
    boxes that stand one below the other with gaps. The darker a box, the more models share it; grey bytes belong to
    one model.

    Parameters
    ----------
    library : ModelLibrary
    ax : matplotlib Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sharing, summary = library.sharing, library.summary()
    ax = axes_in(ax, 8.0, float(np.clip(1.8 + 0.16 * summary.models, 3.0, 9.0)))
    models = row_order(sharing)
    boxes, holders = _boxes(sharing, models, left_edges(sharing))
    norm = LogNorm(2, max(3, int(holders.max(initial=0))))
    high = boxes[:, 2, 1] - boxes[:, 0, 1] >= OUTLINED_PART * summary.models
    ax.add_collection(
        PolyCollection(
            list(boxes),
            facecolors=_colours(holders, norm),
            edgecolors="white",
            linewidths=np.where(high, 0.4, 0.0),
            rasterized=len(boxes) > MANY_BOXES,
        )
    )
    ax.set_xlim(0, max(1.0, float(boxes[:, :, 0].max(initial=0))))
    ax.set_ylim(max(summary.models, 1), 0)
    ax.xaxis.set_major_formatter(EngFormatter(unit="B"))
    ax.set_xlabel("bytes of each model; what models share stands at the same place")
    _label_models(ax, [in_figure(sharing.model_names[model]) for model in models])
    ax.set_title(_title(library), fontsize=10, loc="left")
    figure = figure_of(ax)
    if np.any(holders > 1):
        _add_scale(figure, ax, norm)
    return figure


def row_order(sharing: Sharing) -> list[int]:
    """Order the models so that those that share most stand together.

    Models are sorted by the atoms that they hold, most shared first: of a laminar family each set is contiguous,
    because its members agree on every larger set.
    """
    held: list[list[int]] = [[] for _ in sharing.model_names]
    shared = [atom for atom in _most_shared_first(sharing) if len(sharing.holders[atom]) > 1]
    for rank, atom in enumerate(shared):
        for model in sharing.holders[atom].tolist():
            held[model].append(rank)
    last = [len(shared)]
    return sorted(range(len(held)), key=lambda model: (held[model] or last, sharing.model_names[model]))


def left_edges(sharing: Sharing) -> NDArray[np.int64]:
    """Place each atom in bytes from the left: behind everything that its models have there already, shape (atoms,)."""
    filled = np.zeros(len(sharing.model_names), dtype=np.int64)
    edges = np.zeros(len(sharing.atoms), dtype=np.int64)
    for atom in _most_shared_first(sharing):
        models = sharing.holders[atom]
        edges[atom] = filled[models].max()
        filled[models] = edges[atom] + sharing.atom_bytes[atom]
    return edges


def _most_shared_first(sharing: Sharing) -> list[int]:
    atoms = range(len(sharing.atoms))
    return sorted(atoms, key=lambda atom: (-len(sharing.holders[atom]), -int(sharing.atom_bytes[atom]), atom))


def _boxes(sharing: Sharing, models: list[int], edges: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Return the corners of a box for each run of neighbouring models, shape (boxes, 4, 2), and their atoms' models."""
    position = np.argsort(models)
    corners, holders = [], []
    for atom, held_by in enumerate(sharing.holders):
        rows = np.sort(position[held_by])
        left, right = edges[atom], edges[atom] + sharing.atom_bytes[atom]
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            top, bottom = run[0], run[-1] + 1
            corners.append([(left, top), (right, top), (right, bottom), (left, bottom)])
            holders.append(len(rows))
    return np.array(corners, dtype=float).reshape(-1, 4, 2), np.array(holders, dtype=np.int64)


def _title(library: ModelLibrary) -> str:
    summary = library.summary()
    unique, total = quantity(summary.unique_bytes, "B"), quantity(summary.total_bytes, "B")
    saved = quantity(summary.total_bytes - summary.unique_bytes, "B")
    return (
        f"{in_figure(library.name)}: {summary.models} models, {summary.structure} sharing\n"
        f"{total} model by model, {unique} with each block once: {saved} ({percent(summary.saving)}) saved"
    )


def _add_scale(figure: Figure, ax: Axes, norm: LogNorm) -> None:
    label = "models that share the bytes (grey: one)"
    scale = figure.colorbar(ScalarMappable(norm, COLOURS), ax=ax, label=label, pad=0.02, aspect=30)
    most = int(norm.vmax or 2)
    steps = [step * 10**power for power in range(len(str(most))) for step in (1, 2, 5)]
    counts = range(2, most + 1) if most <= FEW_HOLDERS else [count for count in steps if 2 <= count <= most]
    scale.set_ticks(list(counts), labels=[str(count) for count in counts])
    scale.ax.yaxis.set_minor_locator(NullLocator())


def _colours(holders: NDArray[np.int64], norm: LogNorm) -> Floats:
    colours: Floats = colormaps[COLOURS](norm(np.maximum(holders, 2)))
    colours[holders < 2] = to_rgba(PALE)
    return colours


def _label_models(ax: Axes, names: list[str]) -> None:
    if len(names) <= LABELLED_MODELS:
        ax.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=7)
        ax.tick_params(axis="y", length=0)
    else:
        ax.set_ylabel(f"{len(names)} models")
        ax.set_yticks([])
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK)

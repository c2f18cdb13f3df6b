"""Studies: how results depend on what is varied, with means, intervals over seeds, and the optimum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import cycle
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeopt.drawing.names import in_figure
from edgeopt.drawing.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION
from edgeopt.errors import UsageError, suggestion
from edgeopt.experiments.figures import DASHES
from edgeopt.problems import find_problem, objective_heading
from edgeopt.quantities import quantity, unit_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, GREY)
MARKS = ("o", "^", "s", "D", "v", "x")
CONFIDENCE = 0.95
OPTIMUM = "optimum"
LABEL_ROOM = 0.12  # of the width of an axis, for each label
PLAIN_UNITS = ("B", "Hz", "B/s", "bit/s", "bit", "s")


def study_table(frame: pd.DataFrame, x: str, y: str = "objective", by: str = "method") -> pd.DataFrame:
    """Return means over instances and seeds, with 95 % intervals of the means.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns, or `Comparisons.to_frame`.
    x, y, by : str
        Columns: what is varied, what is measured, what is compared.

    Returns
    -------
    pandas.DataFrame
        One row for each value of `by` and `x`, in the order of the frame and of the values: ``mean``, ``half_width``
        (Student's t over instances, or over seeds where there is one instance; NaN of one), ``runs`` and ``missing``,
        the runs without a value. A mean is NaN where a run is missing: a mean of the others would compare methods on
        different instances.

    Raises
    ------
    UsageError
        The frame has no such column.
    """
    import pandas as pd
    from scipy.stats import t

    for column in (x, y, by):
        if column not in frame:
            raise UsageError(f"the results have no column {column!r}; {suggestion(column, [str(c) for c in frame])}")
    rows, key = [], _instance_key(frame)
    known = frame[frame[x].notna()]
    for name in dict.fromkeys(known[by]):
        mine = known[known[by] == name]
        for value in _in_order(mine[x]):
            here = mine[mine[x] == value]
            missing = int(here[y].isna().sum())
            of_instance = here[y].astype(float).groupby(here[key]).mean()
            values = (of_instance if len(of_instance) > 1 else here[y].astype(float)).to_numpy()
            mean = float(np.mean(values)) if not missing else float("nan")
            half = float("nan")
            if len(values) > 1 and not missing:
                quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
                half = quantile * float(np.std(values, ddof=1)) / sqrt(len(values))
            rows.append((name, value, mean, half, len(here), missing))
    return pd.DataFrame(rows, columns=[by, x, "mean", "half_width", "runs", "missing"])


def measured_heading(frame: pd.DataFrame, y: str = "objective") -> str:
    """Name a column: the objective by what it counts, with its unit, where all runs count the same."""
    if y != "objective" or "measure" not in frame:
        return y
    headings = {objective_heading(measure, unit) for measure, unit in zip(frame["measure"], frame["unit"], strict=True)}
    return headings.pop() if len(headings) == 1 else y


def optimum_table(frame: pd.DataFrame, x: str, fact: str = OPTIMUM) -> pd.DataFrame:
    """Return for each value of `x` the mean over instances of their optima, or another fact; NaN where one lacks it."""
    import pandas as pd

    key = _instance_key(frame)
    once = frame[frame[x].notna()].drop_duplicates([x, key])
    values = _in_order(once[x])
    means = [float(np.mean(once.loc[once[x] == value, fact].astype(float))) for value in values]
    return pd.DataFrame({x: values, "mean": means})


def losses(studies: Iterable[pd.DataFrame], to: str = "exact") -> pd.DataFrame:
    """Return how much worse than one method the others are, in per cent of its objective.

    Parameters
    ----------
    studies : iterable of pandas.DataFrame
        What `read_results` returns, or `Comparisons.to_frame`.
    to : str
        The method to which the others are compared, best an exact one.

    Returns
    -------
    pandas.DataFrame
        A column for each other method, with the ``mean`` and the ``worst`` loss over all instances and seeds of the
        studies, and how many ``cases`` they are of. Cases without both objectives, or in which that of `to` is 0, do
        not count.

    Raises
    ------
    UsageError
        No study has plans of the method.
    """
    import pandas as pd

    parts = []
    for frame in studies:
        values = frame.assign(objective=frame["objective"].astype(float))
        keys = [_instance_key(frame), "seed"]
        table = values.pivot_table("objective", ["problem", *keys], "method", sort=False)
        if to in table:
            table = table[table[to] != 0]
            sign = [1.0 if find_problem(name).maximize else -1.0 for name in table.index.get_level_values("problem")]
            part = table.drop(columns=to).rsub(table[to], axis=0).div(table[to], axis=0)
            parts.append(part.mul(sign, axis=0).reset_index(drop=True))
    if not parts:
        raise UsageError(f"no study has plans of the method {to!r}")
    loss = 100 * pd.concat(parts, ignore_index=True)
    return pd.DataFrame({"mean": loss.mean(), "worst": loss.max(), "cases": loss.notna().sum()}).T


def plot_study(
    frame: pd.DataFrame,
    x: str,
    y: str = "objective",
    by: str = "method",
    *,
    labels: Mapping[str, str] | None = None,
    optimum: bool = True,
    facts: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    **axes: Any,
) -> Axes:
    """Draw means over instances and seeds against what is varied, with 95 % intervals, and the proven optimum.

    Parameters
    ----------
    frame : pandas.DataFrame
        What `read_results` returns, or `Comparisons.to_frame`.
    x, y, by : str
        Columns: what is varied, what is measured, and what has a line each.
    labels : dict of str to str, optional
        Names of the lines; then only these are drawn, in this order.
    optimum : bool
        Whether the optimum is drawn, where `y` is the objective and all of a point are proven.
    facts : dict of str to str, optional
        Columns that are the same for all methods, such as what `Comparisons.to_frame` is told of the instances, and the
        names of their dotted lines.
    ax : matplotlib Axes, optional
    **axes
        What `Axes.set` takes, such as ``ylabel`` and ``ylim``.

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = study_table(frame, x, y, by)
    from edgeopt.drawing.picture import axes_in

    ax = axes_in(ax, 6.8, 4.0)
    values = _in_order(table[x])
    place = _places(values)
    if optimum and y == "objective" and OPTIMUM in frame:
        proven = optimum_table(frame, x)
        ax.plot([place[v] for v in proven[x]], proven["mean"], color=INK, linewidth=7, alpha=0.22, label=OPTIMUM)
    names = labels or {name: str(name) for name in dict.fromkeys(table[by])}
    for number, ((name, label), colour, mark) in enumerate(
        zip(names.items(), cycle(COLOURS), cycle(MARKS), strict=False)
    ):
        line = table[table[by] == name]
        ax.errorbar(
            [place[value] for value in line[x]],
            line["mean"],
            yerr=line["half_width"].fillna(0.0),
            color=colour,
            marker=mark,
            markersize=4.5,
            linestyle=DASHES[number // len(COLOURS) % len(DASHES)],
            linewidth=1.4,
            capsize=2.5,
            elinewidth=0.8,
            label=in_figure(label),
        )
    for number, (fact, label) in enumerate((facts or {}).items()):
        if fact not in frame:
            raise UsageError(f"the results have no column {fact!r}; {suggestion(fact, [str(c) for c in frame])}")
        known = optimum_table(frame, x, fact)
        places = [place[value] for value in known[x]]
        ax.plot(places, known["mean"], color=INK, linestyle=":", marker="+x*"[number % 3], label=in_figure(label))
    _label(ax, x, measured_heading(frame, y), values)
    missing = int(table["missing"].sum())
    if missing:
        ax.set_title(f"points with missing values are left out ({missing} runs)", fontsize="small", loc="left")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.set(**axes)
    return ax


def _label(ax: Axes, x: str, y: str, values: list[Any]) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    if not _numeric(values):
        ax.set_xticks(range(len(values)), [in_figure(str(value)) for value in values])
    elif unit_of(x) in PLAIN_UNITS:
        ax.xaxis.set_major_formatter(EngFormatter(unit=unit_of(x)))
    elif all(isinstance(value, int | np.integer) for value in values):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    positive = _numeric(values) and min(values) > 0
    if positive and len(values) > 2 and max(values) / min(values) >= 16:
        ax.set_xscale("log")
        plain: Callable[[float], str] = "{:g}".format if max(values) < 1000 else EngFormatter(sep="")
        marked = _apart(values)
        named = [quantity(value, unit_of(x)) if unit_of(x) in PLAIN_UNITS else plain(value) for value in marked]
        ax.set_xticks(marked, named)
        ax.minorticks_off()
    ax.set_xlabel(in_figure(x))
    ax.set_ylabel(in_figure(y))
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)


def _apart(values: list[Any]) -> list[Any]:
    """Return those of increasing values whose labels have room on a logarithmic axis."""
    room = (values[-1] / values[0]) ** LABEL_ROOM
    marked = values[:1]
    for value in values[1:]:
        if value >= marked[-1] * room:
            marked.append(value)
    return marked


def _instance_key(frame: pd.DataFrame) -> str:
    return "instance_sha256" if "instance_sha256" in frame else "instance"


def _numeric(values: list[Any]) -> bool:
    return all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values)


def _in_order(column: pd.Series[Any]) -> list[Any]:
    """Return the different values, numbers by size, others as they come."""
    values = list(dict.fromkeys(column))
    return sorted(values) if _numeric(values) else values


def _places(values: list[Any]) -> dict[Any, Any]:
    return {value: value if _numeric(values) else position for position, value in enumerate(values)}

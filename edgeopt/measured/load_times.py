"""Measured times of loading models into a GPU's memory, and the line that fits them: fixed seconds, and bytes a second.

Measurements are read from files, or their published line is known: that of ServerlessLLM
(github.com/ServerlessLLM/ServerlessLLM, benchmarks/results, Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeopt.errors import Finding, InputError, UsageError, suggestion
from edgeopt.files import read_json
from edgeopt.measured.tables import read_table

HALF = 2  # bytes of a parameter
# Parameters of the measured models, which were loaded in half precision: from the shapes of their configuration files.
PARAMETERS = {
    "facebook/opt-6.7b": 6_658_473_984,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": 32_763_876_352,
    "Qwen/Qwen3-32B": 32_762_123_264,
}
COPY = re.compile(r"_\d+$")  # the runs loaded numbered copies of a model
COLUMNS = {"bytes": ("bytes", "size_bytes"), "seconds": ("seconds", "loading_time", "load_s")}
LEAST_S, MOST_S, MOST_BYTES = 1e-9, 1e7, 1e15


@dataclass(frozen=True)
class LoadTimes:
    """A line over measured times: ``fixed_s + bytes / rate_bytes_per_s``.

    Attributes
    ----------
    rate_bytes_per_s : float
    fixed_s : float
        0 or more.
    residual : float
        Largest relative difference between the line and a size's median time.
    runs, sizes : int
        What was measured.
    """

    rate_bytes_per_s: float
    fixed_s: float
    residual: float
    runs: int
    sizes: int

    def __str__(self) -> str:
        line = f"{self.rate_bytes_per_s:.4g} B/s and {self.fixed_s:.3g} s a load"
        spread = f"the line is at most {100 * self.residual:.2g} % off the median of a size"
        return f"{line}, from {self.runs} runs of {self.sizes} sizes; {spread}"


# Medians of 30 loads of copies in random order, one to three models; none shows a fixed time.
PUBLISHED = {
    "a5000-safetensors": LoadTimes(2.692e9, 0.0, 0.0, 30, 1),
    "a5000-phantom": LoadTimes(1.262e10, 0.0, 0.0, 30, 1),
    "h100-safetensors": LoadTimes(3.39e9, 0.0, 0.051, 90, 3),
    "h100-sllm": LoadTimes(2.036e10, 0.0, 0.17, 90, 3),
}


def load_times_of(sources: Sequence[str | Path]) -> LoadTimes:
    """Fit the measurements of files, or return the published line that the only source names.

    Raises
    ------
    InputError
        A file cannot be read, or says something else than load times.
    UsageError
        A published line is named beside other sources, or there is no source.
    """
    names = [str(source) for source in sources]
    if len(names) == 1 and names[0] in PUBLISHED:
        return PUBLISHED[names[0]]
    if not names or any(name in PUBLISHED for name in names):
        raise UsageError(f"load times are one or more files, or one of {', '.join(PUBLISHED)}")
    runs = [run for source in sources for run in read_load_times(source)]
    return fit(runs)


def fit(runs: Sequence[tuple[float, float]]) -> LoadTimes:
    """Fit a line to (bytes, seconds).

    For each size the median time counts, so that one slow load does not matter. The line is the one of least squares
    among those that rise and start at 0 s or later; with one size it starts at 0.

    Raises
    ------
    UsageError
        Times do not rise with sizes: no rate follows from them.
    """
    from scipy.optimize import nnls

    size, second = np.array(runs, dtype=np.float64).T
    sizes = np.unique(size)
    times = np.array([np.median(second[size == value]) for value in sizes])
    scale = sizes.max()
    slope, fixed = times[0], 0.0
    if len(sizes) > 1:
        slope, fixed = nnls(np.stack([sizes / scale, np.ones(len(sizes))], axis=1), times)[0]
    if slope <= 0:
        raise UsageError("the measured times do not rise with the sizes, so that no load rate follows from them")
    residual = float(np.abs((slope * sizes / scale + fixed) / times - 1).max())
    return LoadTimes(float(scale / slope), float(fixed), residual, len(runs), len(sizes))


def read_load_times(path: str | Path) -> list[tuple[float, float]]:
    """Read measurements (bytes, seconds).

    - A CSV file (any ending but ``.json``) with the columns ``bytes`` and ``seconds``.
    - A JSON file as ServerlessLLM writes it: a list of runs with ``model_name`` and ``loading_time``. It states no
      sizes: the model is one of `PARAMETERS`, in half precision.

    Raises
    ------
    InputError
        Names the file and the place.
    """
    if Path(path).suffix.lower() == ".json":
        data = read_json(path)
        if not isinstance(data, list) or not data:
            remedy = "as ServerlessLLM's benchmark writes it"
            raise InputError(Finding("$", "this is not a list of runs", remedy), path)
        return [_run(run, f"$[{index}]", path) for index, run in enumerate(data)]
    if not Path(path).exists():
        remedy = f"give JSON or CSV files, or one of {', '.join(PUBLISHED)}"
        raise InputError(Finding("$", "there is no such file", remedy), path)
    table = read_table(path, COLUMNS)
    sizes, seconds = table.numbers("bytes", 1, MOST_BYTES, whole=True), table.numbers("seconds", LEAST_S, MOST_S)
    return list(zip(sizes.tolist(), seconds.tolist(), strict=True))


def _run(run: Any, place: str, path: str | Path) -> tuple[float, float]:
    if not isinstance(run, dict):
        raise InputError(Finding(place, "this is not a run", "give model_name and loading_time"), path)
    model, seconds = run.get("model_name"), run.get("loading_time")
    if not isinstance(model, str):
        raise InputError(Finding(f"{place}.model_name", f"{model!r} is not a name"), path)
    name = COPY.sub("", model)
    if name not in PARAMETERS:
        remedy = f"{suggestion(name, list(PARAMETERS))}; or give a CSV file with the columns bytes and seconds"
        raise InputError(Finding(f"{place}.model_name", f"the size of {name!r} is not known", remedy), path)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not LEAST_S <= seconds <= MOST_S:
        raise InputError(Finding(f"{place}.loading_time", f"{seconds!r} is not a time in seconds above 0"), path)
    return float(HALF * PARAMETERS[name]), float(seconds)

"""Requests for models in the order in which they came: read from a server's log, or drawn by popularity."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgeopt.errors import Finding, InputError, UsageError, suggestion
from edgeopt.files import read_json
from edgeopt.measured.tables import TIME_REMEDY, Floats, read_table, seconds

COLUMNS = {"time": ("timestamp", "time", "arrival_s", "ts_created"), "model": ("model", "model_id", "model_name")}
SQLITE_MAGIC = b"SQLite format 3\0"
ACTIVITY = "SELECT ts_created, model_id FROM activity ORDER BY ts_created, id"
KINDS = "a CSV file with a column 'model', or llama-swap's activity as JSON or SQLite"


class Requests(NamedTuple):
    """Requests in the order of their arrival.

    Attributes
    ----------
    times_s : float array, shape (requests,), or None
        Seconds since the first request; None when the source does not tell times.
    models : list of str
        The model that each request asks for, as the log names it.
    """

    times_s: Floats | None
    models: list[str]


def read_requests(path: str | Path) -> Requests:
    """Read the requests of a log, whatever its format is; the content tells it, not the name.

    - A CSV file with a column ``model`` (or ``model_id``), and perhaps ``time`` (or ``timestamp``): dates with times,
      or seconds. Without times the requests stand in their order.
    - JSON of llama-swap's ``/api/metrics/activity``: its page, or the list ``data`` of it, with ``timestamp`` and
      ``model``.
    - The SQLite file in which llama-swap keeps the same (``store.path``).

    Requests of the same time stay in the order of their numbers, or of the file.

    Raises
    ------
    InputError
        Names the file, the place in it, and what would be right.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(4096)
    except FileNotFoundError:
        raise InputError(Finding("$", "there is no such file", f"give {KINDS}"), path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(Finding("$", f"the file cannot be read: {reason}"), path) from None
    if start.startswith(SQLITE_MAGIC):
        return _from_sqlite(path)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return _from_json(path)
    return _from_csv(path)


def drawn_requests(models: Sequence[str], count: int, zipf_exponent: float, seed: int) -> Requests:
    """Draw requests without times: Zipf's popularities, the ranks dealt at random among the models.

    Raises
    ------
    UsageError
        There are no models.
    """
    if not models:
        raise UsageError("requests need at least one model")
    rng = np.random.default_rng(seed)
    popularity = (1.0 + rng.permutation(len(models))) ** -zipf_exponent
    drawn = rng.choice(len(models), size=count, p=popularity / popularity.sum())
    return Requests(None, [models[index] for index in drawn.tolist()])


def renamed(requests: Requests, names: Mapping[str, str], known: Sequence[str]) -> Requests:
    """Return the requests under the names that a library gives to the models.

    Parameters
    ----------
    requests : Requests
    names : mapping of str to str
        The library's name of models that the log names otherwise.
    known : sequence of str
        All models of the library.

    Raises
    ------
    UsageError
        A request is for a model that the library does not have, or `names` speaks of one.
    """
    for name in names.values():
        if name not in known:
            raise UsageError(f"the library has no model {name!r}; {suggestion(name, known)}")
    asked = set(requests.models)
    for logged in names:
        if logged not in asked:
            raise UsageError(f"no request is for {logged!r}; {suggestion(logged, sorted(asked))}")
    held = set(known)
    models = [names.get(model, model) for model in requests.models]
    foreign = sorted({model for model in models if model not in held})
    if foreign:
        others = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise UsageError(
            f"requests are for {foreign[0]!r}{others}, which the library does not have; "
            f"say which model it is with --rename {foreign[0]}=MODEL ({suggestion(foreign[0], known)})"
        )
    return Requests(requests.times_s, models)


def _from_csv(path: str | Path) -> Requests:
    table = read_table(path, COLUMNS, optional=("time",))
    models = table.cells["model"]
    for row, model in enumerate(models):
        if not model:
            raise table.fault(row, "model", "the cell is empty", "name the model in each row")
    return _in_order(table.seconds("time") if "time" in table.cells else None, models)


def _from_json(path: str | Path) -> Requests:
    data = read_json(path)
    page = isinstance(data, Mapping)
    entries, root = (data.get("data"), "$.data") if page else (data, "$")
    if not isinstance(entries, list):
        problem = "this is no activity of llama-swap: there is no list 'data'"
        raise InputError(Finding("$", problem, "save what /api/metrics/activity answers"), path)
    if not entries:
        raise InputError(Finding(root, "there are no requests", "give one or more"), path)
    texts = [_texts(entry, f"{root}[{index}]", path) for index, entry in enumerate(entries)]
    times = seconds([time for time, _, _ in texts])
    wrong = np.isnan(times)
    if wrong.any():
        row = int(np.argmax(wrong))
        problem = f"{texts[row][0]!r} is no date with time"
        raise InputError(Finding(f"{root}[{row}].timestamp", problem, TIME_REMEDY), path)
    order = np.argsort([number for _, _, number in texts], kind="stable")  # the server answers with the newest first
    return _in_order(times[order], [texts[index][1] for index in order])


def _texts(entry: Any, place: str, path: str | Path) -> tuple[str, str, int]:
    """Return the time, the model and the number of an entry."""
    if not isinstance(entry, Mapping):
        raise InputError(Finding(place, "this is no request", "give timestamp and model"), path)
    time, model, number = entry.get("timestamp"), entry.get("model"), entry.get("id", 0)
    if not isinstance(model, str) or not model:
        raise InputError(Finding(f"{place}.model", f"{model!r} is not a name"), path)
    if isinstance(time, bool) or not isinstance(time, str | int | float):
        raise InputError(Finding(f"{place}.timestamp", f"{time!r} is no date with time", TIME_REMEDY), path)
    if type(number) is not int or abs(number) >= 2**63:
        raise InputError(Finding(f"{place}.id", f"{number!r} is not a whole number"), path)
    return str(time), model, number


def _from_sqlite(path: str | Path) -> Requests:
    address = Path(path).resolve().as_uri() + "?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute(ACTIVITY).fetchall()
    except sqlite3.Error as error:
        problem = f"this is no activity of llama-swap: {error}"
        raise InputError(Finding("$", problem, "give the file that store.path names"), path) from None
    if not rows:
        raise InputError(Finding("$.activity", "there are no requests"), path)
    for index, (time, model) in enumerate(rows):
        if not isinstance(model, str) or not model or not isinstance(time, int | float):
            raise InputError(Finding(f"$.activity[{index}]", f"({time!r}, {model!r}) is not a time and a name"), path)
    return _in_order(np.array([time for time, _ in rows], dtype=np.float64), [model for _, model in rows])


def _in_order(times_s: Floats | None, models: Sequence[str]) -> Requests:
    if times_s is None:
        return Requests(None, list(models))
    order = np.argsort(times_s, kind="stable")
    return Requests(times_s[order] - times_s[order[0]], [models[index] for index in order.tolist()])

"""Texts and strict JSON in, atomic files out."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from edgeopt.errors import Finding, InputError


class _Repeated(dict[str, Any]):
    """An object of the file in which a key stands twice."""

    repeated_key: str


class _NotANumber:
    """NaN or an infinity, which JSON does not have."""

    def __init__(self, token: str) -> None:
        self.token = token


def read_text(path: str | Path, if_absent: str = "") -> str:
    """Read a UTF-8 text file, with or without byte order mark.

    Parameters
    ----------
    path : path
    if_absent : str
        What would be right where there is no such file.

    Raises
    ------
    InputError
        The file is missing, unreadable or not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(Finding("$", "there is no such file", if_absent), path) from None
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8"
        raise InputError(Finding("$", problem, "save the file as UTF-8"), path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(Finding("$", f"the file cannot be read: {reason}"), path) from None


def read_json(path: str | Path) -> Any:
    """Read a UTF-8 JSON file (with or without byte order mark): no NaN, no infinity, no key twice in one object.

    Raises
    ------
    InputError
        The file is missing, unreadable, truncated or not strict JSON; the error names the place.
    """
    return parse_json(read_text(path), path)


def parse_json(text: str, source: str | Path | None = None) -> Any:
    """Parse strict JSON; `source` is the file name used in errors."""
    faults = 0

    def strict_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal faults
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        faults += 1
        marked = _Repeated(value)
        marked.repeated_key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        return marked

    def strict_constant(token: str) -> _NotANumber:
        nonlocal faults
        faults += 1
        return _NotANumber(token)

    if not text.strip():
        raise InputError(Finding("$", "the file is empty"), source)

    def strict_float(token: str) -> float | _NotANumber:
        value = float(token)
        return value if isfinite(value) else strict_constant(token)

    try:
        data = json.loads(
            text, object_pairs_hook=strict_object, parse_float=strict_float, parse_constant=strict_constant
        )
    except json.JSONDecodeError as error:
        too_early = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        end = " (the file ends too early: is it truncated?)" if too_early else ""
        problem = f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}{end}"
        raise InputError(Finding("$", problem), source) from None
    except RecursionError:
        raise InputError(Finding("$", "the JSON is nested too deeply"), source) from None
    except ValueError as error:
        raise InputError(Finding("$", f"not JSON that can be read: {error}"), source) from None
    if faults:
        _report_faults(data, source)
    return data


def _report_faults(data: Any, source: str | Path | None) -> NoReturn:
    findings = []
    for place, value in _walk(data, "$"):
        if isinstance(value, _Repeated):
            findings.append(Finding(place, f"the key {value.repeated_key!r} stands twice", "keep one of them"))
        elif isinstance(value, _NotANumber):
            findings.append(Finding(place, f"{value.token} is not a finite number", "give a finite number"))
    raise InputError(findings or Finding("$", "a key stands twice in an object"), source)


def _walk(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    yield place, value
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _walk(child, f"{place}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(child, f"{place}[{index}]")


INLINE_ENTRIES = 12

_unfinished: set[Path] = set()


def format_json(data: Mapping[str, Any]) -> str:
    """Lay out JSON for people and for diffs: one line for each named thing."""
    return _layout(data, "") + "\n"


def _layout(value: Any, indent: str) -> str:
    deeper = indent + "  "
    if isinstance(value, Mapping) and (
        any(isinstance(child, Mapping) for child in value.values()) or len(value) > INLINE_ENTRIES
    ):
        rows = [f"{deeper}{_compact(key)}: {_layout(child, deeper)}" for key, child in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(child, Mapping) for child in value):
        return "[\n" + ",\n".join(deeper + _compact(child) for child in value) + f"\n{indent}]"
    return _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_text(path: str | Path, text: str) -> None:
    """Write a file whole or not at all: to a temporary file beside it, then renamed over it.

    Raises
    ------
    OSError
        The folder is missing or full; the error names `path`, and what stood there before is untouched.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write bytes like `write_text`; a link is followed, and a device or pipe is simply written to."""
    try:
        if Path(path).exists() and not Path(path).is_file():
            Path(path).write_bytes(content)
        else:
            _put(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _put(target: Path, content: bytes) -> None:
    """Write a temporary file beside the target and rename it over it; a failure leaves none behind."""
    temporary = target.parent / f".{secrets.token_hex(8)}.part"
    _unfinished.add(temporary)
    try:
        with open(temporary, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove what has been written of files that will not be finished, before the process ends at once."""
    for path in list(_unfinished):
        path.unlink(missing_ok=True)

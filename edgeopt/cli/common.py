"""Helpers of several verbs: exit codes, messages, input of any format, safe output."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeopt.cli.terminal import say
from edgeopt.errors import Finding, InputError, UsageError

if TYPE_CHECKING:
    from edgeopt.instance import Instance
    from edgeopt.libraries.library import ModelLibrary
    from edgeopt.solution import Solution


class ExitCode(IntEnum):
    """The exit codes of the program."""

    SOLVED = 0
    NO_SOLUTION = 1
    BAD_INPUT = 2
    INFEASIBLE = 3
    CHECK_FAILED = 4


SEVERITY = (
    ExitCode.SOLVED,
    ExitCode.INFEASIBLE,
    ExitCode.NO_SOLUTION,
    ExitCode.BAD_INPUT,
    ExitCode.CHECK_FAILED,
)

InstanceFiles = Annotated[list[Path], typer.Argument(metavar="FILE", help="Instance files.", show_default=False)]
TimeLimit = Annotated[float | None, typer.Option("--time-limit", "-t", metavar="S", help="Seconds for each run.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Same seed and threads, same result.")]
Threads = Annotated[
    int | None, typer.Option(metavar="N", help="Default: the cores this process may use.", show_default=False)
]
Gap = Annotated[float, typer.Option(metavar="G", help="Relative gap at which a proof may stop: 5 % is 0.05.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")]


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    say(f"edgeopt: {message}", err=True)


def most_serious(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code of the worst of several outcomes."""
    return max(codes, key=SEVERITY.index, default=ExitCode.SOLVED)


def facts_text(facts: Mapping[str, str]) -> str:
    """Lay out named facts in two columns."""
    width = max(map(len, facts), default=0)
    return "\n".join(f"{name.ljust(width)}  {fact}" for name, fact in facts.items())


def read_any(path: Path) -> Instance | ModelLibrary | Solution:
    """Read an instance, a library or a solution, whichever the file says it is."""
    from edgeopt.files import read_json
    from edgeopt.instance import INSTANCE_FORMAT, instance_from_dict
    from edgeopt.libraries.library import LIBRARY_FORMAT, ModelLibrary
    from edgeopt.solution import SOLUTION_FORMAT, Solution

    data = read_json(path)
    form = data.get("format") if isinstance(data, Mapping) else None
    if form == INSTANCE_FORMAT:
        return instance_from_dict(data, file=path)
    if form == LIBRARY_FORMAT:
        return ModelLibrary.from_dict(data, file=path)
    if form == SOLUTION_FORMAT:
        return Solution.from_dict(data, file=path)
    known = f"it should be {INSTANCE_FORMAT!r}, {LIBRARY_FORMAT!r} or {SOLUTION_FORMAT!r}"
    raise InputError(Finding("$.format", f"no format that edgeopt knows: {form!r}", known), path)


def solution_with_instance(file: Path, given: Path | None) -> Solution:
    """Read a solution file and tie it to its instance: the one that is given, else the one that it names.

    Raises
    ------
    UsageError
        It names none, or the instance is another one.
    InputError
        Its plan breaks a constraint, or is not worth what is stated.
    """
    from edgeopt.certificates import check
    from edgeopt.instance import read
    from edgeopt.solution import Solution

    solution = Solution.read(file)
    if given is None and solution.instance_path is None:
        raise UsageError(f"{str(file)!r} does not tell where its instance is; name it with --instance")
    found = read(given if given is not None else file.parent / str(solution.instance_path))
    tied = solution.of(found)
    violations = check(found, tied).violations
    if violations:
        raise InputError([Finding("$", f"the solution fails the check: {violation}") for violation in violations], file)
    return tied


def require_writable(path: Path, inputs: Iterable[Path] = (), endings: Iterable[str] = ()) -> None:
    """Make sure, before the work, that a file can be written at `path`, is none of the inputs and ends as it should.

    Raises
    ------
    UsageError
        It cannot.
    """
    if path.is_dir():
        raise UsageError(f"the output {str(path)!r} is a folder; name a file in it")
    if any(path.exists() and source.exists() and path.samefile(source) for source in inputs):
        raise UsageError(f"the output {str(path)!r} is the input; name another file")
    if path.exists() and not path.is_file():
        return
    known = tuple(endings)
    if known and path.suffix.lower() not in known:
        raise UsageError(f"the output {str(path)!r} should end in {' or '.join(known)}")
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"the folder {str(folder)!r} of the output does not exist; make it first")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"nothing can be written in {str(folder)!r}: {error.strerror}") from None


def relative_path(target: Path, folder: Path) -> str:
    """Return the path of `target` as seen from `folder`, absolute where there is none (other drives)."""
    try:
        return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return str(target.resolve())


def require_picture(path: Path) -> str:
    """Return the format that the file's ending names.

    Raises
    ------
    UsageError
        It names none that can be drawn.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    kind = path.suffix.removeprefix(".").lower()
    if kind not in known:
        raise UsageError(f"{str(path)!r} should end in one of {', '.join('.' + name for name in sorted(known))}")
    return kind


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure whole or not at all, in the format of the file's ending."""
    import io

    from edgeopt.files import write_bytes

    kind = require_picture(path)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=200)
    write_bytes(path, buffer.getvalue())


def log_to(path: Path) -> None:
    """Append to a file what is logged: progress, ends of runs, and what the solvers say."""
    import logging

    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("edgeopt")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)


def command_line() -> str:
    """Return the command that runs, as it can be given again."""
    return shlex.join(["edgeopt", *sys.argv[1:]])


def on_terminal() -> bool:
    """Say whether standard error is a terminal, where progress may be shown."""
    return sys.stderr.isatty()

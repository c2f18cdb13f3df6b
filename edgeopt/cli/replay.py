"""`edgeopt replay`: online policies on a stream of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import AsJson, Quiet, command_line, complain, on_terminal, relative_path, require_writable
from edgeopt.cli.interrupts import keeping_work, postponed
from edgeopt.cli.terminal import say, say_json
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.loading.policies.policy import Policy
    from edgeopt.loading.policies.study import Maker, Study


def replay(
    file: Annotated[Path, typer.Argument(metavar="STREAM", help="An instance of loading.", show_default=False)],
    policies: Annotated[
        str | None,
        typer.Option(
            "--policy",
            "-p",
            metavar="A,B,...",
            help="Names, and classes of one's own as mine.py:Mine. Default: all.",
            show_default=False,
        ),
    ] = None,
    known: Annotated[
        Path | None,
        typer.Option(metavar="SOL", help="Solution of the stream, to whose plan and bound policies are compared."),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="F.json", help="Prices for the policy 'priced', learned from another stream.")
    ] = None,
    learn: Annotated[
        Path | None, typer.Option(metavar="F.json", help="Learn prices from this stream, and write them, too.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Write the plans as solutions.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="F.html", help="Write a report as one HTML page, too.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="F.csv", help="Write the table as CSV, too.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Serve a stream as online policies say: who is served, how long they wait, what the GPU does.

    Regret is the part of the best known plan's users that a policy does not serve. Ctrl-C ends the replay with the
    policies that are done.
    """
    import edgeopt
    from edgeopt.loading.policies.prices import Prices
    from edgeopt.solution import Solution

    inputs = [path for path in (file, known, prices) if path is not None]
    for path, ending in ((report, ".html"), (csv, ".csv"), (learn, ".json")):
        if path is not None:
            require_writable(path, inputs, [ending])
    if output is not None:
        _require_folder(output)
    names = [name.strip() for name in policies.split(",") if name.strip()] if policies is not None else None
    if names == []:
        raise UsageError("--policy names no policy")
    stream = edgeopt.read(file)
    solution = None if known is None else Solution.read(known)
    given = None if prices is None else Prices.read(prices)
    chosen: list[str | Maker] | None = None
    if names is not None:
        chosen = [_own_policy(name) if ".py:" in name else name for name in names]
    with keeping_work(), _shown_progress(hidden=quiet) as on_time:
        study = edgeopt.replay(stream, chosen, known=solution, prices=given, on_time=on_time)
    with postponed():
        if names is not None and len(study.replays) < len(names):
            complain(f"interrupted: {len(study.replays)} of {len(names)} policies are done")
        if as_json:
            say_json(study.records())
        else:
            say(str(study))
        if csv is not None:
            from edgeopt.experiments.export import export

            export(study.to_frame().reset_index(), csv)
        if report is not None:
            from edgeopt.files import write_text
            from edgeopt.reporting.replay_page import replay_page

            write_text(report, replay_page(study, {"command": command_line()}))
        if output is not None:
            _write_plans(study, file, output)
    if learn is not None:
        from edgeopt.loading.policies.priced import learn_prices

        learn_prices(study.instance).write(learn)
        say(f"written to {learn}", err=True)


def _own_policy(name: str) -> type[Policy]:
    """Return a policy's class from a Python file, as it is named: ``mine.py:Mine``."""
    import sys

    from edgeopt.experiments.plugins import import_plugin
    from edgeopt.loading.policies.policy import Policy

    file, _, wanted = name.rpartition(":")
    if not Path(file).is_file():
        raise UsageError(f"there is no file {file!r} with a policy {wanted!r}")
    found = getattr(sys.modules[import_plugin(file).module], wanted, None)
    if not (isinstance(found, type) and issubclass(found, Policy)):
        raise UsageError(f"{wanted!r} in {file!r} is not the class of a policy; see docs/policies.md")
    return found


def _require_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UsageError(f"the output {str(path)!r} is a file; name a folder for the plans")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {str(path.absolute().parent)!r} of the output does not exist; make it first")


def _write_plans(study: Study, stream: Path, folder: Path) -> None:
    """Write a solution for each policy, which names its instance."""
    folder.mkdir(exist_ok=True)
    for name, solution in study.solutions().items():
        path = folder / f"{name.replace('/', '-')}.solution.json"
        solution.replace(instance_path=relative_path(stream, folder)).write(path)
    say(f"written to {folder}", err=True)


@contextmanager
def _shown_progress(hidden: bool) -> Iterator[Callable[[str, float], None]]:
    """Show on a terminal which policy runs, and how much of the stream's time is over."""
    if hidden or not on_terminal():
        yield lambda policy, part: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=1.0)
        yield lambda policy, part: bar.update(task, description=policy, completed=part)

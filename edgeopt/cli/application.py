"""The program `edgeopt`: its verbs, and how it reports errors."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from edgeopt.cli.bench import bench
from edgeopt.cli.check import check
from edgeopt.cli.common import ExitCode, complain
from edgeopt.cli.compare import compare
from edgeopt.cli.export import export
from edgeopt.cli.flags import Command, CommandGroup
from edgeopt.cli.generate import generate_app
from edgeopt.cli.import_ import import_
from edgeopt.cli.info import info
from edgeopt.cli.interrupts import end_at_once_below_solvers, ending_at_once
from edgeopt.cli.library import library_app
from edgeopt.cli.machine import machine
from edgeopt.cli.methods import methods
from edgeopt.cli.online import online
from edgeopt.cli.plot import plot
from edgeopt.cli.replay import replay
from edgeopt.cli.report import report
from edgeopt.cli.results import results
from edgeopt.cli.schema import schema
from edgeopt.cli.show import show
from edgeopt.cli.solve import solve
from edgeopt.cli.sweep import sweep
from edgeopt.cli.terminal import say, write_any_character
from edgeopt.cli.train import train
from edgeopt.cli.warmup import warmup
from edgeopt.cli.whatif import whatif
from edgeopt.errors import EdgeoptError, ProgramError

INTERRUPTED = 130  # what typer makes of Ctrl-C

app = typer.Typer(
    cls=CommandGroup,
    name="edgeopt",
    help="Optimization of AI models that share parameters at the network edge.",
    epilog="Exit codes: 0 solved, 1 no solution found in the limits, 2 bad input or usage, 3 proven infeasible, "
    "4 check failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    solve,
    show,
    replay,
    whatif,
    compare,
    check,
    info,
    machine,
    methods,
    schema,
    plot,
    export,
    sweep,
    results,
    report,
    bench,
    online,
    train,
    warmup,
):
    app.command(cls=Command)(verb)
app.command("import", cls=Command)(import_)
app.add_typer(generate_app, name="generate")
app.add_typer(library_app, name="library")


def _version(shown: bool) -> None:
    if shown:
        from edgeopt import __version__

        say(f"edgeopt {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Hold the options of the program itself; typer shows the help given above."""


def main() -> NoReturn:
    """Run the command line, and end at once when it has ended."""
    try:
        _run()
    except SystemExit as end:
        end_at_once_below_solvers(end)
        raise


def _run() -> NoReturn:
    """Run the command line; an error that a user can meet is one message, never a traceback."""
    write_any_character()
    try:
        with ending_at_once():
            app(prog_name="edgeopt")
    except SystemExit as end:
        if end.code != INTERRUPTED:
            raise
        complain("interrupted")
        sys.exit(ExitCode.NO_SOLUTION)
    except ProgramError as error:
        complain(f"fault of the program: {error}")
        sys.exit(ExitCode.CHECK_FAILED)
    except EdgeoptError as error:
        complain(str(error))
        sys.exit(ExitCode.BAD_INPUT)
    except MemoryError:
        complain("the memory of this machine does not suffice")
        sys.exit(ExitCode.BAD_INPUT)
    except OSError as error:
        complain(f"{error.filename or 'a file or an output'}: {error.strerror}" if error.strerror else str(error))
        sys.exit(ExitCode.BAD_INPUT)
    except Exception:
        import traceback

        traceback.print_exc()
        complain("this is a fault of edgeopt; please report it with the lines above")
        sys.exit(ExitCode.CHECK_FAILED)
    sys.exit(ExitCode.SOLVED)

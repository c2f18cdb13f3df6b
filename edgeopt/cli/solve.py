"""`edgeopt solve`: one method on instance files."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeopt.cli.common import (
    AsJson,
    ExitCode,
    Gap,
    InstanceFiles,
    Quiet,
    Seed,
    Threads,
    TimeLimit,
    complain,
    facts_text,
    log_to,
    most_serious,
    on_terminal,
    relative_path,
    require_writable,
)
from edgeopt.cli.interrupts import keeping_work, postponed
from edgeopt.cli.terminal import say, say_json
from edgeopt.errors import EdgeoptError, ProgramError, UsageError

PLAN_ROWS = 12  # of who is served, and of who is not

if TYPE_CHECKING:
    from edgeopt.instance import Instance
    from edgeopt.run import Progress
    from edgeopt.solution import Solution
    from edgeopt.stopping import StopRule


def solve(
    files: InstanceFiles,
    method: Annotated[str, typer.Option("--method", "-m", help="A method's name, or auto.")] = "auto",
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    threads: Threads = None,
    gap: Gap = 0.0,
    iteration_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Iterations or nodes: a reproducible limit.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="SOL", help="Solution file, or CSV table of a plan, to start from.")
    ] = None,
    first_feasible: Annotated[bool, typer.Option("--first-feasible", help="End at the first plan.")] = False,
    target: Annotated[
        float | None, typer.Option(metavar="V", help="End when the objective is as good as this.", show_default=False)
    ] = None,
    no_improvement: Annotated[
        float | None,
        typer.Option(metavar="S", help="End when the objective has not improved for so long.", show_default=False),
    ] = None,
    idle_iterations: Annotated[
        int | None,
        typer.Option(metavar="N", help="End when it has not improved for so many iterations.", show_default=False),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append what methods and solvers say, line by line.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="SOL", help="Solution file; a folder for several files.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Solve instances and certify the results.

    Ctrl-C ends the run with the best solution found so far.
    """
    import edgeopt
    from edgeopt.method import find_method
    from edgeopt.solution import Stopped

    outputs = _outputs(files, output)
    if log is not None:
        require_writable(log, files)
        log_to(log)
    instances = [edgeopt.read(file) for file in files]
    if method != "auto":
        for instance in instances:
            find_method(instance.problem, method)
    options = {
        "time_limit": time_limit,
        "seed": seed,
        "threads": threads,
        "gap": gap,
        "iteration_limit": iteration_limit,
        "start": start,
        "stop": _stop_rules(first_feasible, target, no_improvement, idle_iterations),
    }
    solutions: list[Solution | None] = []
    codes = []
    for file, instance, written_to in zip(files, instances, outputs, strict=True):
        try:
            with keeping_work() if solutions else nullcontext():
                solution = _solved(instance, method, options, quiet=quiet)
        except KeyboardInterrupt:
            codes.append(ExitCode.NO_SOLUTION)
            break
        except EdgeoptError as error:
            if len(files) == 1:
                raise
            complain(str(error))
            solutions.append(None)
            codes.append(ExitCode.CHECK_FAILED if isinstance(error, ProgramError) else ExitCode.BAD_INPUT)
            continue
        solutions.append(solution)
        codes.append(_exit_code(solution))
        with postponed():
            if written_to is not None and not _written(solution, file, written_to, quiet=quiet, as_json=as_json):
                codes.append(ExitCode.BAD_INPUT)
            if not as_json:
                say(("\n" if len(solutions) > 1 else "") + _shown(solution, written_to))
        if solution.stopped == Stopped.INTERRUPTED and len(solutions) < len(files):
            complain(f"interrupted: {len(files) - len(solutions)} files are not solved")
            break
    if as_json and solutions:
        _print_json(solutions, several=len(files) > 1)
    raise typer.Exit(most_serious(codes))


def _stop_rules(
    first_feasible: bool, target: float | None, no_improvement: float | None, idle_iterations: int | None
) -> list[StopRule]:
    from edgeopt.stopping import FirstFeasible, NoImprovement, TargetObjective

    rules: list[StopRule] = [FirstFeasible()] if first_feasible else []
    rules += [TargetObjective(target)] if target is not None else []
    idle = no_improvement is not None or idle_iterations is not None
    return rules + ([NoImprovement(no_improvement, idle_iterations)] if idle else [])


def _outputs(files: list[Path], output: Path | None) -> list[Path | None]:
    """Return where each solution goes; every fault of it is found before the first solve."""
    if output is None:
        return [None] * len(files)
    if output.is_dir():
        targets = [output / f"{file.stem}.solution.json" for file in files]
    elif len(files) == 1:
        targets = [output]
    else:
        raise UsageError(f"for several files the output must be a folder that exists, and {str(output)!r} is not")
    if len(set(targets)) < len(targets):
        raise UsageError("two of the files have the same name, and their solutions would have, too; solve them apart")
    for target in targets:
        require_writable(target, files, [".json"])
    return list(targets)


def _solved(instance: Instance, method: str, options: dict[str, Any], quiet: bool) -> Solution:
    import edgeopt
    from edgeopt.progress_bar import shown

    last: list[Progress] = []

    def remember(progress: Progress) -> None:
        last[:] = [progress]
        show(progress)

    hidden = quiet or not on_terminal()
    with nullcontext(lambda progress: None) if hidden else shown(instance.name, options["time_limit"]) as show:
        try:
            return edgeopt.solve(instance, method, progress=remember, **options)
        except KeyboardInterrupt:
            lost = f"; the best objective so far, {last[0].objective}, is lost" if last else ""
            complain(f"interrupted: {method!r} was ended before it gave back a plan{lost}")
            raise


def _exit_code(solution: Solution) -> ExitCode:
    from edgeopt.solution import Status

    if solution.status == Status.INFEASIBLE:
        return ExitCode.INFEASIBLE
    return ExitCode.SOLVED if solution.plan is not None else ExitCode.NO_SOLUTION


def _written(solution: Solution, file: Path, target: Path, quiet: bool, as_json: bool) -> bool:
    """Write a solution; if that fails it goes to standard output, so that it is not lost."""
    located = solution.replace(instance_path=relative_path(file, target.parent))
    try:
        located.write(target)
    except OSError as error:
        where = "" if as_json else "; the solution is printed instead"
        complain(f"{str(target)!r} cannot be written: {error.strerror}{where}")
        if not as_json:
            _print_json([solution], several=False)
        return False
    if not quiet:
        say(f"written to {target}", err=True)
    return True


def _shown(solution: Solution, target: Path | None) -> str:
    """Return the facts, and for a person at a terminal the plan, and who is not served."""
    text = facts_text({solution.problem: solution.instance, **solution.facts()})
    if not sys.stdout.isatty() or (solution.plan is None and solution.status != "infeasible"):
        return text
    from edgeopt.cli.plan_text import plan_table, plan_text

    command = "" if target is None else f"edgeopt show {target} --all"
    return f"{text}\n\n{plan_text(plan_table(solution), PLAN_ROWS, command)}".rstrip()


def _print_json(solutions: list[Solution | None], several: bool) -> None:
    content = [solution and solution.to_dict() for solution in solutions]
    say_json(content if several else content[0])

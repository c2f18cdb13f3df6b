"""`edgeopt methods`: the methods of each problem."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeopt.cli.terminal import say


def methods(
    problem: Annotated[
        str | None, typer.Argument(metavar="[PROBLEM]", help="Default: all.", show_default=False)
    ] = None,
) -> None:
    """List the methods of a problem with what they guarantee."""
    import edgeopt
    from edgeopt.layout import aligned
    from edgeopt.method import method_families
    from edgeopt.problems import PROBLEMS, find_problem

    chosen = [find_problem(problem)] if problem is not None else list(PROBLEMS.values())
    for conventions in chosen:
        say(f"{conventions.name}: {conventions.title}")
        rows = []
        families = {f"{name}:{family.argument}": family for name, family in method_families(conventions.name).items()}
        for name, method in {**edgeopt.methods(conventions.name), **families}.items():
            command = method.missing_extra()
            rows.append([name, method.kind, method.guarantee + (f" (not installed: {command})" if command else "")])
        for line in aligned(["method", "kind", "guarantee"], rows):
            say(f"  {line}")

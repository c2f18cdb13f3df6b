"""`edgeopt info`: a description of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import facts_text, read_any
from edgeopt.cli.terminal import say

if TYPE_CHECKING:
    from edgeopt.instance import Instance
    from edgeopt.solution import Solution


def info(file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]) -> None:
    """Say what an instance, a library or a solution is, and which methods fit an instance."""
    from edgeopt.instance import Instance
    from edgeopt.libraries.library import ModelLibrary

    content = read_any(file)
    if isinstance(content, Instance):
        say(facts_text({"instance": f"{content.name} ({content.problem})", **content.facts()}))
        _tell_methods(content)
    elif isinstance(content, ModelLibrary):
        say(facts_text({"library": content.name, **content.facts()}))
    else:
        say(facts_text({"solution of": f"{content.instance} ({content.problem})", **content.facts()}))
        _tell_metrics(content)


def _tell_methods(instance: Instance) -> None:
    import edgeopt
    from edgeopt.layout import aligned

    fitting: list[list[str]] = []
    others: list[list[str]] = []
    for name, method in edgeopt.methods(instance.problem).items():
        reason = method.refusal(instance)
        (others if reason else fitting).append([name, method.kind, reason or method.guarantee])
    for heading, rows in (
        (["methods that fit", "kind", "guarantee"], fitting),
        (["methods that do not", "kind", "why"], others),
    ):
        if rows:
            say("\n" + "\n".join(aligned(heading, rows)))


def _tell_metrics(solution: Solution) -> None:
    from edgeopt.quantities import metric

    if solution.metrics:
        say("\n" + facts_text(dict(metric(key, value) for key, value in solution.metrics.items())))

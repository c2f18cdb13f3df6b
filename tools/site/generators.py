"""The page of the generators, from the recipes of which they and their options on the command line are made."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from edgeopt.problems import PROBLEMS

PAGE = "reference/generators.md"


def generator_pages() -> Iterator[tuple[str, str, str]]:
    """Yield the page: place in the site, place from which its links count, content."""
    lines = ["# Generators", "", "`edgeopt generate PROBLEM` takes the same arguments as options.", ""]
    for name, problem in PROBLEMS.items():
        generate = problem.part("generator").generate
        text = inspect.getdoc(generate.recipe.draw) or ""
        lines += [f"## edgeopt.{name}.generator.generate", "", text.replace("``", "`"), ""]
        lines += ["| argument | default | meaning |", "| --- | --- | --- |"]
        arguments = generate.recipe.arguments()
        for argument in inspect.signature(generate).parameters.values():
            default = "**required**" if argument.default is inspect.Parameter.empty else f"`{argument.default!r}`"
            meaning = arguments[argument.name].description if argument.name in arguments else ""
            lines.append(f"| `{argument.name}` | {default} | {meaning} |")
        lines.append("")
    yield PAGE, f"docs/{PAGE}", "\n".join(lines)

"""`edgeopt generate`: instances drawn at random; the options are the arguments of each problem's generator."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer

from edgeopt.cli.common import relative_path, require_writable
from edgeopt.cli.flags import Command, CommandGroup
from edgeopt.cli.terminal import say
from edgeopt.errors import ArgumentError, Finding
from edgeopt.problems import PROBLEMS
from edgeopt.quantities import parsed
from edgeopt.record import MOST_BYTES

if TYPE_CHECKING:
    from edgeopt.recipes.recipe import Argument

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Instance file.", show_default=False)]


class DrawnProblems(CommandGroup):
    """One command for each problem, made of its recipe when it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        named: Any = dict.fromkeys(PROBLEMS)
        self.commands = named

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _command(cmd_name) if cmd_name in PROBLEMS else None


generate_app = typer.Typer(
    cls=DrawnProblems,
    help="Draw an instance at random: over a library of yours, or over a drawn one.",
    no_args_is_help=True,
)


def _command(problem: str) -> Any:
    """Make the command that draws an instance of a problem, with an option for each argument of its generator."""
    generate = PROBLEMS[problem].part("generator").generate
    arguments = generate.recipe.arguments()

    def command(output: Path, **options: Any) -> None:
        _draw(generate.recipe, output, {name: value for name, value in options.items() if value not in (None, [])})

    own, keyword = inspect.signature(generate).parameters, inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("output", keyword, annotation=Output)]
    for name, argument in arguments.items():
        annotation = _option(own[name].annotation, argument)
        parameters.append(inspect.Parameter(name, keyword, default=own[name].default, annotation=annotation))
    shown: Any = command
    shown.__signature__ = inspect.Signature(parameters)
    shown.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    alone = typer.Typer(add_completion=False)
    alone.command(problem, cls=Command, help=(inspect.getdoc(generate.recipe.draw) or "").split("\n")[0])(command)
    return typer.main.get_command(alone)


def _option(annotation: Any, argument: Argument) -> Any:
    """Return the annotation from which typer makes the option: choices are texts, which the recipe checks."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kind = argument.given or next(kind for kind in reversed(kinds) if kind is not NoneType)
    names = () if argument.option is None else (argument.option,)
    option = typer.Option(*names, metavar=argument.metavar, help=argument.description)
    return Annotated[(str if get_origin(kind) is Literal else kind) | None, option]


def _draw(recipe: Any, output: Path, options: dict[str, Any]) -> None:
    """Draw an instance and write it; a library that is given stays a file of its own where nothing is added to it."""
    arguments = recipe.arguments()
    sources = [
        source for name, argument in arguments.items() if argument.file for source in _several(options.get(name))
    ]
    require_writable(output, map(Path, sources), [".json"])
    try:
        given = {name: _in_units(name, value, arguments[name].unit) for name, value in options.items()}
        made = recipe(**given, name=output.stem)
    except ArgumentError as error:
        raise error.renamed(lambda name: arguments[name].option or f"--{name.replace('_', '-')}") from None
    for remark in made.remarks():
        say(remark, err=True)
    instance = made.draw()
    library = options.get("library") if instance.library is made.library else None
    instance.write(output, None if library is None else relative_path(library, output.parent))
    say(f"written to {output}", err=True)


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _in_units(name: str, value: Any, unit: str) -> Any:
    """Return the number, or numbers, that texts such as 8GB are in the unit of an argument; bytes are whole."""
    if not unit:
        return value
    if isinstance(value, tuple):
        return tuple(_in_units(name, part, unit) for part in value)
    try:
        found = parsed(str(value), unit)
    except ValueError as error:
        raise ArgumentError([Finding(name, str(error))]) from None
    return round(found) if unit == "B" and abs(found) < MOST_BYTES else found

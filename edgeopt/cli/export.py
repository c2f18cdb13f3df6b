"""`edgeopt export`: files for serving systems and solvers; nothing is executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import require_writable
from edgeopt.cli.terminal import say
from edgeopt.errors import UsageError

if TYPE_CHECKING:
    from edgeopt.libraries.library import ModelLibrary


def export(
    file: Annotated[Path, typer.Argument(metavar="INSTANCE", help="Instance file.", show_default=False)],
    to: Annotated[
        str,
        typer.Option(metavar="NAME", help="llama-swap, sglang, kserve, vllm, lp or mps.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File; for several nodes FILE-NODE each.", show_default=False
        ),
    ],
    solution: Annotated[
        Path | None, typer.Argument(metavar="[SOLUTION]", help="Solution file, where the target needs a plan.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Only these models; default: all.", show_default=False)
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL=NAME", help="What a model is called in the file; give the option for each."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="F.yaml", help="Configuration of llama-swap: models are called as there, by the files of commands."
        ),
    ] = None,
    max_lora_rank: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Largest rank of the adapters, for sglang and vllm.")
    ] = None,
) -> None:
    """Write an instance, or its plan, as a file that another program takes. Nothing is executed."""
    import edgeopt
    from edgeopt.exports.exporting import export as exported
    from edgeopt.exports.exporting import find_target
    from edgeopt.files import write_text

    target = find_target(to)
    inputs = [file, *([solution] if solution is not None else [])]
    require_writable(output, inputs, target.endings)
    names = dict(_renaming(entry) for entry in rename or ())
    chosen = None if models is None else [name.strip() for name in models.split(",") if name.strip()]
    instance = edgeopt.read(file)
    if config is not None:
        names = {**_configured(config, instance.library), **names}
    plan = None if solution is None else edgeopt.Solution.read(solution)
    source = solution if solution is not None else file
    files, remark = exported(
        instance, to, plan, models=chosen, names=names, max_lora_rank=max_lora_rank, origin=source.name
    )
    paths = {node: _path(output, node, len(files)) for node in files}
    for path in paths.values():
        require_writable(path, inputs)
    for node, text in files.items():
        write_text(paths[node], text)
    say(remark, err=True)
    say(f"written to {', '.join(map(str, paths.values()))}", err=True)


def _path(output: Path, node: str, count: int) -> Path:
    return output if count == 1 else output.with_name(f"{output.stem}-{node}{output.suffix}")


def _configured(config: Path, library: ModelLibrary) -> dict[str, str]:
    """Return the first name that a configuration has for each model."""
    from edgeopt.libraries.server_names import names_of_config

    names: dict[str, str] = {}
    for name, model in names_of_config(config, library).items():
        names.setdefault(model, name)
    return names


def _renaming(entry: str) -> tuple[str, str]:
    model, _, name = entry.rpartition("=")
    if not model or not name:
        raise UsageError(f"{entry!r} should be MODEL=NAME")
    return model, name

"""`edgeopt library`: model libraries from checkpoint files, or from the structure of networks alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import Quiet, Threads, facts_text, on_terminal, require_picture, require_writable, save_figure
from edgeopt.cli.flags import Command, CommandGroup
from edgeopt.cli.terminal import say
from edgeopt.errors import UsageError
from edgeopt.libraries.shared_by import SharedBy

if TYPE_CHECKING:
    from edgeopt.libraries.library import ModelLibrary

library_app = typer.Typer(
    cls=CommandGroup,
    help="Make a model library: from checkpoint files, or from the structure of networks alone.",
    no_args_is_help=True,
)

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Library file.", show_default=False)]
Figure = Annotated[
    Path | None, typer.Option(metavar="F.png", help="Also draw what the models share.", show_default=False)
]


class SplitLevel(StrEnum):
    """The level at which blocks are split."""

    LAYER = "layer"


@library_app.command(cls=Command)
def scan(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Files of weights, indexes, folders and stores at any depth; default: this machine's stores.",
            show_default=False,
        ),
    ] = None,
    *,
    output: Output,
    shared_by: Annotated[
        SharedBy, typer.Option(help="Who shares: equal tensors, a disk, a process that serves adapters, or nobody.")
    ] = SharedBy.CONTENT,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="F", help="Also write each tensor's name, type, shape, digest, block.", show_default=False
        ),
    ] = None,
    figure: Figure = None,
    base: Annotated[
        list[str] | None,
        typer.Option(metavar="ADAPTER=MODEL", help="Base of an adapter, where its files do not tell."),
    ] = None,
    with_missing: Annotated[
        bool, typer.Option("--with-missing", help="Count files of the hub that its cache lists but the disk lacks.")
    ] = False,
    whole_repository: Annotated[
        bool, typer.Option("--whole-repository", help="A model of the hub is all files of its repository.")
    ] = False,
    min_block_bytes: Annotated[
        int, typer.Option(metavar="N", min=0, help="What the same models share is copied to each when smaller.")
    ] = 0,
    group_by: Annotated[SplitLevel | None, typer.Option(help="Split blocks at layers.", show_default=False)] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Leave out tensors with such names: '*.inv_freq'. Repeatable."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where digests are remembered; default: the user's cache folder."),
    ] = None,
    bench: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Compute times: what llama-bench -o json wrote. Repeatable."),
    ] = None,
    sample_tokens: Annotated[
        str,
        typer.Option(metavar="P,A", help="With --bench: tokens of a prompt and of its answer.", show_default=False),
    ] = "",
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Find models and what they share: equal tensors, files, or what a process loads; nothing is loaded into memory."""
    from edgeopt.files import format_json, write_text
    from edgeopt.libraries.checkpoints.cache import default_cache
    from edgeopt.libraries.checkpoints.naming import ADAPTER_CONFIG, GGUF_SUFFIX, INDEX_SUFFIX, SUFFIX
    from edgeopt.libraries.checkpoints.scanning import scan as scan_checkpoints
    from edgeopt.run_options import available_cores

    targets = [target for target in (output, trace, figure, cache) if target is not None]
    if len({target.resolve() for target in targets}) < len(targets):
        raise UsageError("two of the outputs are the same file")
    for target in targets:
        if target.name.endswith((SUFFIX, INDEX_SUFFIX, GGUF_SUFFIX, ADAPTER_CONFIG)):
            raise UsageError(f"the output {str(target)!r} has the name of a checkpoint's file; choose another")
        require_writable(target, paths or [], [] if target == figure else [".json"])
    if figure is not None:
        require_picture(figure)
    if trace is not None and shared_by is not SharedBy.CONTENT:
        raise UsageError(f"a trace tells of tensors, which only content reads, not {shared_by}")
    tokens = _whole_numbers("--sample-tokens", sample_tokens)
    if (len(tokens), bool(bench)) not in ((0, False), (2, True)) or (tokens and not sum(tokens)):
        raise UsageError("--bench and --sample-tokens belong together: --sample-tokens 512,128")
    if threads is not None and threads < 1:
        raise UsageError(f"at least 1 thread, not {threads}")
    with _shown_progress(hidden=quiet) as show:
        result = scan_checkpoints(
            paths or None,
            shared_by=shared_by,
            name=output.stem,
            with_missing=with_missing,
            whole_repository=whole_repository,
            bases=_pairs(base or []),
            ignore=ignore or [],
            min_block_bytes=min_block_bytes,
            group_by="layer" if group_by is SplitLevel.LAYER else None,
            threads=threads or available_cores(),
            cache=cache or default_cache(),
            progress=show,
        )
    if trace is not None and result.trace is not None:
        write_text(trace, format_json(result.trace))
    if not quiet:
        for notice in result.notices:
            say(notice, err=True)
    library = result.library
    if bench:
        library, unmeasured = _with_compute_times(library, bench, tokens[0], tokens[1])
        if unmeasured and not quiet:
            say(f"no compute times: {', '.join(unmeasured)}", err=True)
    facts = {"stores": ", ".join(result.stores), "files": result.files_text(), "shared by": result.sharing}
    _finish(library, output, figure, facts)


@library_app.command("from-config", cls=Command)
def from_config(
    structures: Annotated[
        list[str],
        typer.Argument(
            metavar="STRUCTURE", help="Names (resnet50, llama-2-7b, ...) or config.json files.", show_default=False
        ),
    ],
    output: Output,
    models: Annotated[int, typer.Option(metavar="N", help="Fine-tuned models of each structure.")] = 0,
    freeze: Annotated[
        str, typer.Option(metavar="D,...", help="Layers that fine-tuned models freeze, in turn.", show_default=False)
    ] = "",
    classes: Annotated[
        int | None, typer.Option(metavar="C", help="Classes of the fine-tuned; default: a head as the base's.")
    ] = None,
    adapters: Annotated[int, typer.Option(metavar="N", help="LoRA adapters of each structure.")] = 0,
    rank: Annotated[
        str, typer.Option(metavar="R,...", help="Ranks of the adapters, in turn.", show_default=False)
    ] = "",
    modules: Annotated[
        str, typer.Option(metavar="M,...", help="Matrices with an adapter: q_proj,v_proj.", show_default=False)
    ] = "",
    parameter_bits: Annotated[
        int, typer.Option(metavar="B", help="Bits of a parameter: 16 for half precision, 4 for quantised models.")
    ] = 32,
    adapter_bits: Annotated[
        int | None,
        typer.Option(metavar="B", help="Bits of an adapter's own parameters, default: as others.", show_default=False),
    ] = None,
    figure: Figure = None,
) -> None:
    """Make a library from structure alone: bases, models fine-tuned behind frozen layers, and adapters."""
    from edgeopt.libraries.structures.configurations import find_structure
    from edgeopt.libraries.structures.families import library_of_structures

    inputs = [Path(given) for given in structures if Path(given).is_file()]
    require_writable(output, inputs, [".json"])
    if figure is not None:
        require_writable(figure, inputs)
        require_picture(figure)
    named = [find_structure(given) for given in structures]
    if len(dict(named)) < len(named):
        raise UsageError("two of the structures have the same name")
    library = library_of_structures(
        dict(named),
        name=output.stem,
        models=models,
        freeze=_whole_numbers("--freeze", freeze),
        classes=classes,
        adapters=adapters,
        ranks=_whole_numbers("--rank", rank),
        modules=[module.strip() for module in modules.split(",") if module.strip()],
        bits_per_parameter=parameter_bits,
        adapter_bits=adapter_bits,
    )
    _finish(library, output, figure, {})


@library_app.command(cls=Command)
def join(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Library files.", show_default=False)],
    output: Output,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="MODEL.KEY=VALUE", help="Set a key of models: 'vit-*.compute_fixed_s=8ms'."),
    ] = None,
    parameter_bits: Annotated[
        str, typer.Option(metavar="FROM:TO", help="Quantise: parameters of 16 bits get 4 by 16:4.", show_default=False)
    ] = "",
    adapter_bits: Annotated[
        int | None,
        typer.Option(
            metavar="B", help="With --parameter-bits: bits of what only adapters hold, default: TO.", show_default=False
        ),
    ] = None,
    figure: Figure = None,
) -> None:
    """Join libraries: blocks of one name are the same bytes. With one file and an option, change it."""
    from edgeopt.libraries.editing import join as joined
    from edgeopt.libraries.editing import with_bits, with_keys
    from edgeopt.libraries.library import ModelLibrary

    require_writable(output, files, [".json"])
    if figure is not None:
        require_writable(figure, files)
        require_picture(figure)
    bits = _whole_numbers("--parameter-bits", parameter_bits, ":")
    if parameter_bits and len(bits) != 2:
        raise UsageError(f"--parameter-bits should be FROM:TO, such as 16:4, not {parameter_bits!r}")
    if adapter_bits is not None and not parameter_bits:
        raise UsageError("--adapter-bits needs --parameter-bits: --parameter-bits 16:4 --adapter-bits 16")
    library = with_keys(joined([ModelLibrary.read(file) for file in files], output.stem), settings or ())
    if parameter_bits:
        library = with_bits(library, bits[0], bits[1], adapter_bits)
    facts = {"joined": f"{len(files)} libraries"} if len(files) > 1 else {}
    _finish(library, output, figure, facts)


def _with_compute_times(
    library: ModelLibrary, files: list[Path], prompt_tokens: int, answer_tokens: int
) -> tuple[ModelLibrary, list[str]]:
    from edgeopt.libraries.compute_times import read_bench, with_compute_times

    runs = [run for file in files for run in read_bench(file)]
    return with_compute_times(library, runs, prompt_tokens, answer_tokens)


def _whole_numbers(option: str, text: str, between: str = ",") -> list[int]:
    parts = [part.strip() for part in text.split(between) if part.strip()]
    if not all(part.isdecimal() and part.isascii() and len(part) < 10 for part in parts):
        mark = "commas" if between == "," else "a colon"
        raise UsageError(f"{option} should be whole numbers with {mark} between them, not {text!r}")
    return [int(part) for part in parts]


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        adapter, equals, model = text.partition("=")
        if not (adapter and equals and model):
            raise UsageError(f"--base should be ADAPTER=MODEL, not {text!r}")
        if pairs.setdefault(adapter, model) != model:
            raise UsageError(f"--base names two bases for {adapter!r}; give one")
    return pairs


def _finish(library: ModelLibrary, output: Path, figure: Path | None, facts: dict[str, str]) -> None:
    """Write the library, draw it on request, and say what sharing saves."""
    library.write(output)
    if figure is not None:
        from edgeopt.libraries.figure import plot_sharing

        save_figure(plot_sharing(library), figure)
    say(facts_text({"library": library.name, **facts, **library.facts()}))
    for target in (output, figure):
        if target is not None:
            say(f"written to {target}", err=True)


@contextmanager
def _shown_progress(hidden: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show the hashed bytes on a terminal while the scan lasts."""
    if hidden or not on_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = [BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("hashing", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

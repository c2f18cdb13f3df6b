"""`edgeopt generate`: instances drawn at random, of realistic size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeopt.cli.common import Seed, relative_path, require_writable
from edgeopt.cli.flags import Command, CommandGroup
from edgeopt.cli.terminal import say

if TYPE_CHECKING:
    from edgeopt.instance import Instance

generate_app = typer.Typer(
    cls=CommandGroup,
    help="Draw an instance at random: over a library of yours, or over a drawn one.",
    no_args_is_help=True,
)

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Instance file.", show_default=False)]
LibraryFile = Annotated[
    Path | None, typer.Option(metavar="F", help="Library file to use instead of drawing one.", show_default=False)
]
Sharing = Annotated[
    str,
    typer.Option(help="How the models of a drawn library share: random, dense, grid, tree, backbone, interval, ..."),
]
Stations = Annotated[
    str | None,
    typer.Option(
        metavar="F",
        help="CSV file of base stations (LATITUDE, LONGITUDE, perhaps SITE_ID), or melbourne to draw some like it.",
        show_default=False,
    ),
]
UserPositions = Annotated[
    Path | None,
    typer.Option(metavar="F", help="CSV file of users (LATITUDE, LONGITUDE) beside --stations.", show_default=False),
]
Area = Annotated[
    tuple[float, float, float, float] | None,
    typer.Option(metavar="SOUTH WEST NORTH EAST", help="Degrees; leave out what stands beyond.", show_default=False),
]
REACH_HELP = "Metres from their nearest station within which users stand; with --stations only"
Trace = Annotated[
    str | None,
    typer.Option(
        metavar="F",
        help="CSV file of requests to language models (TIMESTAMP, ContextTokens, GeneratedTokens), or azure-code or "
        "azure-conversation to draw them like it.",
        show_default=False,
    ),
]
Window = Annotated[
    tuple[float, float] | None,
    typer.Option("--window", metavar="START LENGTH", help="Seconds of the trace; default: all.", show_default=False),
]
BitsPerToken = Annotated[
    float | None,
    typer.Option(
        help="Bits that a request of the trace sends for each token of context; default: 32.", show_default=False
    ),
]


@generate_app.command(cls=Command)
def loading(
    output: Output,
    sharing: Sharing = "random",
    models: Annotated[int, typer.Option(help="Models of a drawn library.")] = 60,
    users: Annotated[int, typer.Option(help="Users.")] = 600,
    library: LibraryFile = None,
    deadlines: Annotated[str, typer.Option(help="common, or individual ones.")] = "common",
    deadline_s: Annotated[
        float | None, typer.Option("--deadline", metavar="S", help="Seconds; default: by the fraction to be served.")
    ] = None,
    served_fraction: Annotated[float, typer.Option(help="About this part of the users can be served.")] = 0.5,
    uploads: Annotated[
        str | None, typer.Option(help="What users send: image, prompt or features; default: image.", show_default=False)
    ] = None,
    trace: Trace = None,
    window: Window = None,
    bits_per_token: BitsPerToken = None,
    upload: Annotated[str, typer.Option(help="phase: before the service; overlapped: meanwhile.")] = "phase",
    retention: Annotated[
        str, typer.Option(help="The GPU keeps blocks for consecutive models, or as its capacity allows.")
    ] = "consecutive",
    load_rate: Annotated[
        float | None,
        typer.Option(
            "--load-rate",
            metavar="B/S",
            help="Bytes that reach the GPU's memory in a second; default: 2.69e9, a measured rate.",
            show_default=False,
        ),
    ] = None,
    load_times: Annotated[
        list[str] | None,
        typer.Option(
            metavar="F",
            help="Measured load times: files (CSV with bytes and seconds, or JSON of ServerlessLLM; give the option "
            "for each), or a5000-safetensors, a5000-phantom, h100-safetensors or h100-sllm.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Draw an instance of `loading`: users of models on one GPU, with uploads and deadlines."""
    from edgeopt.libraries.library import ModelLibrary
    from edgeopt.loading.generator import generate
    from edgeopt.measured.load_times import load_times_of

    require_writable(output, _files(library, trace, *load_times or ()), [".json"])
    line = load_times_of(load_times) if load_times else None
    instance = generate(
        sharing,
        models,
        users,
        seed,
        ModelLibrary.read(library) if library is not None else None,
        deadlines=deadlines,  # type: ignore[arg-type]  # the generator checks it
        deadline_s=deadline_s,
        served_fraction=served_fraction,
        uploads=uploads,  # type: ignore[arg-type]
        upload=upload,  # type: ignore[arg-type]
        retention=retention,  # type: ignore[arg-type]
        trace=trace,
        window_s=window,
        bits_per_token=bits_per_token,
        load_rate_bytes_per_s=load_rate,
        load_times=line,
        name=output.stem,
    )
    if line is not None:
        say(f"load times: {line}", err=True)
    _write(instance, output, library if line is None or not line.fixed_s else None)


@generate_app.command(cls=Command)
def caching(
    output: Output,
    sharing: Sharing = "freeze-depth",
    models: Annotated[int, typer.Option(help="Models of a drawn library.")] = 24,
    nodes: Annotated[int, typer.Option(help="Edge nodes.")] = 6,
    users: Annotated[int, typer.Option(help="Users.")] = 12,
    scenarios: Annotated[int, typer.Option(help="Scenarios of requests.")] = 8,
    library: LibraryFile = None,
    storage_gb: Annotated[
        tuple[float, float] | None,
        typer.Option("--storage-gb", metavar="LEAST MOST", help="GB of each node; default: by the library's size."),
    ] = None,
    csi_error: Annotated[
        float, typer.Option(help="Channel error, as a fraction of the weakest user's channel.")
    ] = 0.05,
    stations: Stations = None,
    user_positions: UserPositions = None,
    area: Area = None,
    reach: Annotated[
        float | None, typer.Option(metavar="M", help=f"{REACH_HELP}; default: 100.", show_default=False)
    ] = None,
    correlation: Annotated[float, typer.Option(help="A user keeps its request so often between scenarios.")] = 0.5,
    zipf_exponent: Annotated[
        float, typer.Option(help="Popularity of a model falls as its rank to this power; 0: all alike.")
    ] = 0.8,
    seed: Seed = 0,
) -> None:
    """Draw an instance of `caching`: nodes that cache blocks and broadcast them together to users."""
    from edgeopt.caching.generator import generate
    from edgeopt.libraries.library import ModelLibrary

    require_writable(output, _files(library, stations, user_positions), [".json"])
    instance = generate(
        sharing,
        models,
        nodes,
        users,
        scenarios,
        seed,
        ModelLibrary.read(library) if library is not None else None,
        storage_bytes=None if storage_gb is None else (round(storage_gb[0] * 1e9), round(storage_gb[1] * 1e9)),
        csi_error=csi_error,
        correlation=correlation,
        zipf_exponent=zipf_exponent,
        stations=stations,
        user_positions=user_positions,
        area=area,
        reach_m=reach,
        name=output.stem,
    )
    _write(instance, output, library)


@generate_app.command(cls=Command)
def pulling(
    output: Output,
    sharing: Sharing = "freeze-depth",
    models: Annotated[int, typer.Option(help="Models of a drawn library.")] = 48,
    cloudlets: Annotated[int, typer.Option(help="Cloudlets.")] = 30,
    requests: Annotated[int, typer.Option(help="Requests.")] = 500,
    library: LibraryFile = None,
    topology: Annotated[
        Path | None, typer.Option(metavar="F", help="GraphML file of a network, instead of drawing one.")
    ] = None,
    graph: Annotated[
        str, typer.Option(help="Drawn network: waxman, barabasi-albert, watts-strogatz or star.")
    ] = "waxman",
    stations: Stations = None,
    user_positions: UserPositions = None,
    area: Area = None,
    trace: Trace = None,
    window: Window = None,
    bits_per_token: BitsPerToken = None,
    tokens_per_sample: Annotated[
        int | None,
        typer.Option(
            help="With a trace: tokens in a sample of the library's models; default: 141.", show_default=False
        ),
    ] = None,
    compute: Annotated[str, typer.Option(help="Compute of the cloudlets: unlimited or limited.")] = "unlimited",
    cloud_to_edge: Annotated[float, typer.Option(help="Speed of the cloud, over that of the fastest cloudlet.")] = 5.0,
    memory_fraction: Annotated[float, typer.Option(help="Memory of a cloudlet, as a part of the library.")] = 0.15,
    classes: Annotated[int | None, typer.Option(help="Draw only so many different requests.")] = None,
    mean_count: Annotated[
        float | None, typer.Option(help="Mean count of a request; default 20, or by the trace.", show_default=False)
    ] = None,
    seed: Seed = 0,
) -> None:
    """Draw an instance of `pulling`: requests in a network of cloudlets, and models in the cloud."""
    from edgeopt.libraries.library import ModelLibrary
    from edgeopt.pulling.generator import generate

    require_writable(output, _files(library, topology, stations, user_positions, trace), [".json"])
    instance = generate(
        sharing,
        models,
        cloudlets,
        requests,
        seed,
        ModelLibrary.read(library) if library is not None else None,
        graph=graph,  # type: ignore[arg-type]  # the generator checks it
        topology=topology,
        stations=stations,
        user_positions=user_positions,
        area=area,
        trace=trace,
        window_s=window,
        bits_per_token=bits_per_token,
        tokens_per_sample=tokens_per_sample,
        compute=compute,  # type: ignore[arg-type]
        cloud_to_edge=cloud_to_edge,
        memory_fraction=memory_fraction,
        classes=classes,
        mean_count=mean_count,
        name=output.stem,
    )
    _write(instance, output, library)


@generate_app.command(cls=Command)
def placement(
    output: Output,
    sharing: Annotated[
        str, typer.Option(help="How the models of a drawn library share; set-union: a set-union knapsack problem.")
    ] = "freeze-depth",
    models: Annotated[int, typer.Option(help="Models of a drawn library, or items.")] = 30,
    nodes: Annotated[int, typer.Option(help="Nodes.")] = 5,
    users: Annotated[int, typer.Option(help="Users.")] = 37,
    library: LibraryFile = None,
    models_per_user: Annotated[int, typer.Option(help="Models that each user asks for.")] = 10,
    storage_fraction: Annotated[
        float | None, typer.Option(help="Storage of a node, as a part of the library; of set-union: of all elements.")
    ] = None,
    stations: Stations = None,
    user_positions: UserPositions = None,
    area: Area = None,
    reach: Annotated[
        float | None, typer.Option(metavar="M", help=f"{REACH_HELP}; default: 125.", show_default=False)
    ] = None,
    elements: Annotated[int, typer.Option(help="Elements of set-union.")] = 100,
    density: Annotated[float, typer.Option(help="Part of the elements that an item of set-union needs.")] = 0.1,
    seed: Seed = 0,
) -> None:
    """Draw an instance of `placement`: nodes that store models, and demand that some of them can serve."""
    from edgeopt.libraries.library import ModelLibrary
    from edgeopt.placement.generator import generate

    require_writable(output, _files(library, stations, user_positions), [".json"])
    instance = generate(
        sharing,
        models,
        nodes,
        users,
        seed,
        ModelLibrary.read(library) if library is not None else None,
        models_per_user=models_per_user,
        storage_fraction=storage_fraction,
        elements=elements,
        density=density,
        stations=stations,
        user_positions=user_positions,
        area=area,
        reach_m=reach,
        name=output.stem,
    )
    _write(instance, output, library)


def _files(*sources: str | Path | None) -> list[Path]:
    """Files among what was given; the name of figures is none that exists."""
    return [Path(source) for source in sources if source is not None]


def _write(instance: Instance, output: Path, library: Path | None) -> None:
    """Write the instance; a library that is given stays a file of its own."""
    instance.write(output, relative_path(library, output.parent) if library is not None else None)
    say(f"written to {output}", err=True)

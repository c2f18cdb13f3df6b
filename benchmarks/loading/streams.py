"""Online policies on an hour of requests: whom they serve, what sharing, order and loading ahead gain, growth."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgeopt
from benchmarks.measure import arguments_on_a_quiet_machine, table, write_results
from edgeopt.experiments.machine import peak_bytes
from edgeopt.loading.generator import generate
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.named import POLICIES
from edgeopt.loading.policies.priced import learn_prices
from edgeopt.loading.policies.prices import Prices
from edgeopt.pulling.online.study import half_width

LIBRARIES = Path(__file__).parents[2] / "instances" / "libraries"
REQUESTS, SEEDS, LEARNED_FROM = 9_655, 5, 1_000
MEMORY_BYTES = 24 * 10**9
SHOWN = ["lru-models", "density-unshared", "lru-blocks", "edf", "batch-when-full", "affinity"]
SHOWN += ["density", "visit-density", "rolling", "priced"]
AHEAD = ["density", "rolling"]
GAINS = ["sharing", "order", "density over lru-models", "rolling over lru-models"]
GAINS += ["prefetch, density", "prefetch, rolling", "keeping blocks, rolling"]
RETENTION = ("consecutive", "capacity")
GROWN = [(1_000, 60), (10_000, 60), (100_000, 60), (10_000, 15), (10_000, 240)]


@dataclass(frozen=True)
class Setting:
    """A library with the requests and the GPU that it meets: how long requests wait, and over which time they come."""

    library: str
    gpu: str
    load_rate_bytes_per_s: float
    window_s: float
    duration_s: float | None
    memory_bytes: int = MEMORY_BYTES

    @property
    def name(self) -> str:
        return f"{self.library}, {self.gpu}"


SETTINGS = [
    Setting("llama-lora", "A5000", 2.69e9, 30.0, None),
    Setting("llama-lora", "H100", 20.4e9, 10.0, None),
    Setting("vision-language", "A5000", 2.69e9, 30.0, None),
    Setting("vision-language", "H100", 20.4e9, 10.0, None),
    Setting("resnet-detection", "A5000", 2.69e9, 1.0, 160.0, 2 * 10**9),
    Setting("resnet-detection", "H100", 20.4e9, 1.0, 120.0, 2 * 10**9),
]


def stream(setting: Setting, azure: str, seed: int, retention: str, prefetch: str = "none") -> LoadingInstance:
    """Draw half of the trace's requests, and for which models they are."""
    return generate(
        library=LIBRARIES / f"{setting.library}.json",
        users=REQUESTS,
        seed=seed,
        arrivals="trace",
        trace=azure,
        uploads="none",
        zipf_exponent=0.9,
        deadline_s=setting.window_s,
        duration_s=setting.duration_s,
        load_rate_bytes_per_s=setting.load_rate_bytes_per_s,
        memory_bytes=setting.memory_bytes,
        retention=retention,
        prefetch=prefetch,
    )


def learned(task: tuple[Setting, str, str]) -> Prices:
    """Learn prices from a stream of another seed."""
    setting, azure, retention = task
    return learn_prices(stream(setting, azure, LEARNED_FROM, retention))


def replayed(
    task: tuple[Setting, str, int, dict[str, Prices]],
) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    """Replay a seed's streams: share served and decision times, by retention, prefetch and policy."""
    setting, azure, seed, prices = task
    found = {}
    for retention in RETENTION:
        for prefetch in ("none", "next"):
            names = [*POLICIES, "priced"] if prefetch == "none" else AHEAD
            instance = stream(setting, azure, seed, retention, prefetch)
            for each in edgeopt.replay(instance, names, prices=prices[retention]).replays:
                key = retention, prefetch, each.policy
                found[key] = each.served_share, each.decision_p50_s, each.decision_p99_s
    return found


def grown(task: tuple[int, int]) -> list[list[Any]]:
    """Replay a Poisson stream of so many requests and models; return a row for each policy."""
    requests, models = task
    instance = generate(
        "lora-towers", models, requests, seed=1, arrivals="poisson", uploads="none",
        load_rate_bytes_per_s=2.69e9, memory_bytes=MEMORY_BYTES, retention="capacity",
    )  # fmt: skip
    rows = []
    for policy in AHEAD:
        began = time.process_time()
        replay = edgeopt.replay(instance, policy).replays[0]
        seconds = time.process_time() - began
        peak = (peak_bytes() or 0) / 1e9
        decision = [1e6 * replay.decision_p50_s, 1e6 * replay.decision_p99_s]
        rows.append([requests, models, policy, f"{replay.served_share:.1%}", *decision, seconds, peak])
    return rows


def share(values: Iterable[float]) -> str:
    """Return the mean of shares with half of its 95 % interval, in percent."""
    shares = np.array(list(values))
    return f"{100 * shares.mean():.1f} ± {100 * float(half_width(shares[:, None])[0]):.1f}"


def gain(more: list[float], less: list[float]) -> str:
    """Return the mean ratio of paired shares, less one, with half of its 95 % interval."""
    ratios = np.array(more) / np.array(less) - 1
    return f"{100 * ratios.mean():+.0f} ± {100 * float(half_width(ratios[:, None])[0]):.0f} %"


def sections(settings: list[Setting], azure: str, seeds: int, processes: int) -> list[str]:
    """Measure, and lay out the page."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        past = [(setting, azure, retention) for setting in settings for retention in RETENTION]
        prices = iter(pool.map(learned, past, chunksize=1))
        of_setting = {setting: {retention: next(prices) for retention in RETENTION} for setting in settings}
        tasks = [(setting, azure, seed, of_setting[setting]) for setting in settings for seed in range(seeds)]
        results = pool.map(replayed, tasks, chunksize=1)
    of = {
        setting: [found for (other, *_), found in zip(tasks, results, strict=True) if other == setting]
        for setting in settings
    }

    def shares(setting: Setting, retention: str, policy: str, prefetch: str = "none") -> list[float]:
        return [found[retention, prefetch, policy][0] for found in of[setting]]

    served = [
        [f"{setting.name}, {retention}", *(share(shares(setting, retention, policy)) for policy in SHOWN)]
        for setting in settings
        for retention in RETENTION
    ]
    gains = []
    for setting in settings:
        for retention in RETENTION:
            density, rolling = (shares(setting, retention, policy) for policy in ("density", "rolling"))
            shipped = shares(setting, retention, "lru-models")
            row = [
                f"{setting.name}, {retention}",
                gain(density, shares(setting, retention, "density-unshared")),
                gain(density, shares(setting, retention, "lru-blocks")),
                gain(density, shipped),
                gain(rolling, shipped),
                gain(shares(setting, retention, "density", "next"), density),
                gain(shares(setting, retention, "rolling", "next"), rolling),
            ]
            kept = "" if retention == "consecutive" else gain(rolling, shares(setting, "consecutive", "rolling"))
            gains.append([*row, kept])
    decisions = []
    for policy in [*POLICIES, "priced"]:
        times = np.array([found["capacity", "none", policy][1:] for found in results])
        decisions.append([policy, *(1e6 * float(np.median(column)) for column in times.T)])
    return [
        "Share of requests served in time, in percent: mean over the seeds with half of its 95 % interval. "
        "`lru-models` is what engines ship: whole models, the least recently used leave.",
        table(["stream", *SHOWN], served),
        "Gains, in users served: of sharing alone (`density` with and without), of the order alone (`density` over "
        "`lru-blocks`), of both over shipped practice, of loading ahead beside a batch (`prefetch` next over none), of "
        "keeping blocks (`capacity` over `consecutive`). Pairs of the same seed.",
        table(["stream", *GAINS], gains),
        "Microseconds for each decision, with what the policy is shown: medians over the streams with kept blocks. "
        "`priced` imagines two more GPUs.",
        table(["policy", "median", "99 %"], decisions),
    ]


def growth(tasks: list[tuple[int, int]]) -> list[str]:
    """Measure how a replay grows."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        rows = [row for rows in pool.map(grown, tasks, chunksize=1) for row in rows]
    return [
        "Growth: Poisson arrivals, drawn `lora-towers`, kept blocks, at a rate that overloads the GPU. Microseconds "
        "for each decision; seconds of the whole replay, its check included; memory of the process.",
        table(
            ["requests", "models", "policy", "served", "decision, median", "99 %", "CPU s", "peak GB"],
            rows,
        ),
    ]


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--azure", default="azure-conversation", help="AzureLLMInferenceTrace_conv.csv; default: drawn")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--settings", type=int, nargs="*", default=range(len(SETTINGS)), help="numbers of settings")
    parser.add_argument("--growth", type=int, default=len(GROWN), help="so many sizes")
    arguments = arguments_on_a_quiet_machine(parser)
    settings = [SETTINGS[number] for number in arguments.settings]
    source = "the Azure LLM inference trace 2023 (conversation)"
    if arguments.azure == parser.get_default("azure"):
        source = f"a trace drawn by the published figures of {source}"
    windows = "; ".join(
        f"{setting.name}: {setting.load_rate_bytes_per_s:.3g} bytes/s, windows of {setting.window_s:g} s, "
        f"{'its own time' if setting.duration_s is None else f'{setting.duration_s:g} s'}, "
        f"{setting.memory_bytes / 1e9:g} GB"
        for setting in settings
    )
    intro = (
        f"Each stream: {REQUESTS} requests, drawn anew for each of {arguments.seeds} seeds from {source}, models by "
        f"Zipf 0.9, no uploads. {windows}. `priced` learned from another seed. Load and windows are chosen so that not "
        "everybody can be served, which favours sharing."
    )
    body = sections(settings, arguments.azure, arguments.seeds, arguments.processes)
    write_results(
        __file__, "Online policies on streams of requests", [intro, *body, *growth(GROWN[: arguments.growth])]
    )


if __name__ == "__main__":
    main()

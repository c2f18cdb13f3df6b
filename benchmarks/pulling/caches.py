"""Pulling at the size of Hash Code 2017: `cache-search` with its bound."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.pulling.importers import hashcode_score, read_hashcode
from edgeopt.pulling.instance import PullingInstance

DATA = Path(os.environ.get("EDGEOPT_DATA", Path(__file__).parents[3] / "shared" / "data"))


def drawn(
    items: int, nodes: int, caches: int, requests: int, reach: int, room_mb: int, folder: Path
) -> PullingInstance:
    """Draw a file of the contest's format: popularity by Zipf's law, sizes up to 1,000 MB."""
    rng = np.random.default_rng(1)
    popularity = (1.0 + np.arange(items)) ** -0.9
    lines = [f"{items} {nodes} {requests} {caches} {room_mb}"]
    lines.append(" ".join(map(str, rng.integers(1, 1001, items))))
    for _ in range(nodes):
        near = rng.choice(caches, reach, replace=False)
        cloud = int(rng.integers(500, 2000))
        lines.append(f"{cloud} {reach}")
        lines += [f"{cache} {rng.integers(1, cloud)}" for cache in near]
    videos = rng.choice(items, requests, p=popularity / popularity.sum())
    entry, count = rng.integers(0, nodes, requests), rng.integers(1, 10_000, requests)
    lines += [f"{v} {e} {n}" for v, e, n in zip(videos, entry, count, strict=True)]
    path = folder / f"drawn-{items}x{nodes}x{caches}x{requests}.in"
    path.write_text("\n".join(lines) + "\n")
    return read_hashcode(path)


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=170)
    options = arguments_on_a_quiet_machine(parser)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        makers = {
            "videos_worth_spreading": lambda: read_hashcode(DATA / "hashcode2017" / "videos_worth_spreading.in"),
            "trending_today-like": lambda: drawn(10_000, 100, 100, 100_000, 100, 50_000, Path(folder)),
            "kittens-like": lambda: drawn(10_000, 1_000, 500, 200_000, 50, 6_000, Path(folder)),
        }
        for name, make in makers.items():
            instance = make()
            run = solved(instance, "cache-search", time_limit=options.seconds, threads=2)
            if run.result is None:
                rows.append([name, run.failure])
                continue
            solution = run.result
            score, most = hashcode_score(instance, solution.objective), hashcode_score(instance, solution.bound)
            sizes = f"{len(instance.library.models)} x {len(instance.cloudlets)} x {len(instance.requests)}"
            loss = f"{1 - score / most:.2%}"
            rows.append([name, sizes, f"{score:,}", f"{most:,}", loss, run.cpu_s, run.wall_s, run.peak_bytes / 1e9])
            print(*rows[-1], flush=True)
    header = [
        "file",
        "items x caches x request rows",
        "score",
        "bound",
        "below the bound",
        "CPU s",
        "wall s",
        "peak GB",
    ]
    intro = (
        f"Limit {options.seconds:g} s; a score is saved microseconds per request. The drawn files only have the sizes. "
        "Targets: 0.7 % below the bound on videos_worth_spreading, 3 % on kittens-like. Tried for the bound on "
        "videos_worth_spreading: whole items in the knapsacks of the dual lower it by 0.01 % in 60 steps after 400 "
        "against parts of items, and more momentum (0.7, 0.8) or steps towards a nearer value do not lower it sooner."
    )
    write_results(__file__, "Caches of Hash Code size", [intro, table(header, rows)])


if __name__ == "__main__":
    main()

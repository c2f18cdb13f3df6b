"""How `exact` of caching grows with blocks and with nodes."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.growth import exponent
from benchmarks.measure import arguments_on_a_quiet_machine, solved, table, write_results
from edgeopt.caching.generator import generate
from edgeopt.caching.groups import find_requests
from edgeopt.caching.instance import CachingInstance

SEED, GAP, LIMIT_S = 4_000, 1e-3, 30.0
MODELS, NODES = (10, 15, 22, 33), (3, 4, 6, 8)
HEADER = ["requested blocks", "nodes", "CPU s", "peak MB", "gap", "certified pairs"]


def drawn(models: int, nodes: int) -> CachingInstance:
    """An instance of the generator."""
    return generate(models=models, nodes=nodes, users=12, scenarios=8, seed=SEED)


def row(instance: CachingInstance) -> list[Any]:
    """One run of `exact`."""
    run = solved(instance, "exact", gap=GAP, time_limit=LIMIT_S, threads=1)
    blocks, nodes = len(find_requests(instance).blocks), len(instance.nodes)
    if run.result is None:
        return [blocks, nodes, None, None, run.failure, None]
    gap = None if run.result.gap is None else f"{100 * run.result.gap:.2g} %"
    return [blocks, nodes, run.cpu_s, run.peak_bytes / 1e6, gap, int(run.result.metrics["certified_pairs"])]


def main() -> None:
    """Measure, and write the page."""
    arguments_on_a_quiet_machine(argparse.ArgumentParser(description=__doc__))
    solved(drawn(4, 2), "exact")  # compiles the kernels
    by_blocks = [row(drawn(models, 4)) for models in MODELS]
    by_nodes = [row(drawn(15, nodes)) for nodes in NODES]
    of_blocks = exponent([line[0] for line in by_blocks], [line[2] for line in by_blocks])
    of_nodes = exponent([line[1] for line in by_nodes], [line[2] for line in by_nodes])
    write_results(
        __file__,
        "Growth of proofs of caching",
        [
            f"Instances of the generator with 12 users and 8 scenarios, seed {SEED:,}; `exact` on one thread to a gap "
            f"of {GAP:.1%} to the problem itself, or {LIMIT_S:g} s. Peak memory is that of the whole process.",
            f"## Blocks\n\nFitted growth: blocks ** {of_blocks:.2f}.",
            table(HEADER, by_blocks),
            f"## Nodes\n\nFitted growth: nodes ** {of_nodes:.2f}.",
            table(HEADER, by_nodes),
        ],
    )


if __name__ == "__main__":
    main()

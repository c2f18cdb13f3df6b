"""Ideas to tighten the bounds on set-union knapsack instances of 185 to 300 items, each measured by itself."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.measure import Run, arguments_on_a_quiet_machine, fresh, table, write_results
from benchmarks.placement.sukp_instances import BEST_KNOWN, short, sukp
from benchmarks.placement.sukp_pairs import PairProgram, linear, upper
from edgeopt.engines.highs import HighsSolver
from edgeopt.method import Options
from edgeopt.placement import branch_kernel
from edgeopt.placement.arrays import Arrays
from edgeopt.placement.branch_and_bound import BranchAndBound
from edgeopt.placement.knapsack import Knapsack

INSTANCES = [*list(BEST_KNOWN)[3:6], "sukp_285_300_0.10_0.75"]
PROBE_ROUNDS = 100
HEADER = ["instance", "best known", "idea", "bound", "closed", "CPU s", "remark"]


@dataclass
class CpuOptions(Options):
    """Options whose time limit is CPU seconds of the process."""

    def elapsed_s(self) -> float:
        return time.process_time()


def conflicts(knapsack: Knapsack) -> NDArray[np.int64]:
    """Pairs of items that do not fit together, shape (pairs, 2)."""
    held = knapsack.incidence.astype(np.int64)
    common = (held * knapsack.weight) @ held.T
    size = common.diagonal()
    return np.argwhere(np.triu(size[:, None] + size - common > knapsack.capacity, 1))


def cliques(knapsack: Knapsack) -> list[NDArray[np.int64]]:
    """Sets of items of which one fits at most, grown greedily so that they cover all conflicts."""
    items = len(knapsack.profit)
    against = np.zeros((items, items), np.bool_)
    pairs = conflicts(knapsack)
    against[pairs[:, 0], pairs[:, 1]] = against[pairs[:, 1], pairs[:, 0]] = True
    found, open_pairs = [], np.triu(against)
    while open_pairs.any():
        clique = list(np.argwhere(open_pairs)[0])
        while (common := against[clique].all(axis=0)).any():
            clique.append(int(np.flatnonzero(common)[np.argmax(knapsack.profit[common])]))
        open_pairs[np.ix_(clique, clique)] = False
        found.append(np.array(clique))
    return found


def linear_bound(knapsack: Knapsack, sets: list[NDArray[np.int64]], seconds: float) -> float | None:
    """Bound of the linear relaxation with a row for each clique: all of its items but one are killed."""
    program, elements = linear(knapsack), len(knapsack.weight)
    if sets:
        rows = sparse.lil_array((len(sets), len(program.cost)))
        for row, clique in enumerate(sets):
            rows[row, elements + clique] = 1.0
        least = np.array([len(clique) - 1.0 for clique in sets])
        program = program.with_rows(sparse.csr_array(rows), least, np.full(len(sets), np.inf))
    result = HighsSolver(program, Options(time_limit=seconds)).solve()
    proven = None if result.row_duals is None else program.proven_bound(result.row_duals)
    return None if proven is None else upper(knapsack, proven)


def probing(knapsack: Knapsack, value: float) -> tuple[float, int, int]:
    """Bound each element excluded and kept at the root, and fix those of which one branch cannot beat the value.

    Returns
    -------
    bound : float
        The least over the elements of the larger of the two bounds; at least the value.
    fixed : int
    element : int
        Whose bounds' rises have the largest product; -1 without elements.
    """
    tree = BranchAndBound(knapsack, np.zeros(len(knapsack.profit), np.bool_))
    items, space, node = tree.items, tree.space, branch_kernel.level(tree.space, 0)
    root, best, fixed, chosen, most = tree.root, tree.bound, 0, -1, -1.0
    changed = True
    while changed:
        changed = False
        for element in np.flatnonzero(root.fate == branch_kernel.FREE):
            bounds = []
            for fix in (branch_kernel.exclude, branch_kernel.keep):
                branch_kernel.copy(root, node)
                fix(items, node, int(element))
                killed = branch_kernel.least_killed(items, node, space.cost, space.factor, PROBE_ROUNDS, np.inf)
                bounds.append(upper(tree.knapsack, killed))
            best = max(value, min(best, max(bounds)))
            product = (tree.bound - bounds[0]) * (tree.bound - bounds[1])
            if product > most:
                chosen, most = int(element), product
            if min(bounds) <= value:
                (branch_kernel.keep if bounds[0] <= bounds[1] else branch_kernel.exclude)(items, root, int(element))
                fixed, changed = fixed + 1, True
    return best, fixed, chosen


def part_bound(knapsack: Knapsack, value: float, element: int, fate: int, options: Options) -> tuple[float, int]:
    """Bound and nodes of the tree, or of its part where an element is excluded or kept; FREE for the whole tree."""
    tree = BranchAndBound(knapsack, np.zeros(len(knapsack.profit), np.bool_))
    tree.value = value
    tree.bound = max(tree.bound, value)
    if fate == branch_kernel.EXCLUDED:
        branch_kernel.exclude(tree.items, tree.root, element)
    elif fate == branch_kernel.KEPT:
        branch_kernel.keep(tree.items, tree.root, element)
    tree.run(options, options.iteration_limit)
    return tree.bound, tree.nodes


def reduced(name: str) -> Knapsack:
    """One instance in arrays."""
    arrays = Arrays(sukp(name))
    return arrays.knapsack(0, arrays.empty()).reduced()[0]


def run_linear(name: str, with_cliques: bool) -> tuple[float | None, str]:
    """Run the relaxation, with or without cliques."""
    knapsack = reduced(name)
    sets = cliques(knapsack) if with_cliques else []
    remark = f"{len(conflicts(knapsack))} conflicts, {len(sets)} cliques" if with_cliques else "HiGHS"
    return linear_bound(knapsack, sets, 60), remark


def run_pairs(name: str, paired: int | None, ascent: bool, seconds: float) -> tuple[float | None, str]:
    """Run the relaxation over pairs of some or all elements."""
    knapsack = reduced(name)
    program = PairProgram(knapsack, paired or len(knapsack.weight), seconds)
    if ascent:
        bound, rounds = program.ascent(10**9, seconds)
        return bound, f"{program.pairs} pairs, {rounds} rounds"
    found, rounds, complete = program.run()
    end = "no violated row left" if complete else f"stopped at {seconds:g} s of wall time"
    return found, f"{program.pairs} pairs, {rounds} rounds of rows, {end}"


def run_probing(name: str) -> tuple[float, str, int]:
    """Probe all elements."""
    knapsack = reduced(name)
    bound, fixed, element = probing(knapsack, BEST_KNOWN[name])
    before = BranchAndBound(knapsack, np.zeros(len(knapsack.profit), np.bool_)).bound
    return bound, f"{fixed} of {len(knapsack.weight)} elements fixed; {before:.0f} before, by clipping", element


def run_part(name: str, element: int, fate: int, seconds: float) -> tuple[float, int]:
    """Search a part of the tree for some CPU seconds."""
    options = CpuOptions(time_limit=time.process_time() + seconds)
    return part_bound(reduced(name), BEST_KNOWN[name], element, fate, options)


def rows(name: str, seconds: float) -> list[list[Any]]:
    """All ideas on one instance."""

    def row(idea: str, run: Run) -> list[Any]:
        bound, remark = (run.result[0], run.result[1]) if run.result else (None, run.failure)
        return [short(name), BEST_KNOWN[name], idea, bound, run.cpu_s, remark]

    found = [row("linear relaxation", fresh(run_linear, name, False))]
    found.append(row("with cliques", fresh(run_linear, name, True)))
    found.append(row("pairs of 20 elements, HiGHS", fresh(run_pairs, name, 20, False, 2 * seconds)))
    found.append(row("pairs of 40 elements, HiGHS", fresh(run_pairs, name, 40, False, 2 * seconds)))
    found.append(row("pairs of 40 elements, dual ascent", fresh(run_pairs, name, 40, True, seconds)))
    found.append(row("all pairs, dual ascent", fresh(run_pairs, name, None, True, seconds)))
    probe = fresh(run_probing, name)
    found.append(row("probing", probe))
    parts = [(-1, branch_kernel.FREE)]
    if probe.result:
        parts += [(probe.result[2], branch_kernel.EXCLUDED), (probe.result[2], branch_kernel.KEPT)]
    with ThreadPoolExecutor(2) as pool:
        single, *halves = pool.map(lambda part: fresh(run_part, name, *part, seconds), parts)
    if single.result:
        found.append([*row("tree, one process", single)[:5], f"{single.result[1]} nodes"])
    if len(halves) == 2 and all(half.result for half in halves):
        bounds, nodes = zip(*(half.result for half in halves), strict=True)
        remark = f"excluded {bounds[0]:.0f}, kept {bounds[1]:.0f}; {sum(nodes)} nodes"
        cpu = sum(half.cpu_s for half in halves)
        found.append([short(name), BEST_KNOWN[name], "tree, two processes", max(bounds), cpu, remark])
    return [closed(line, found[0][3]) for line in found]


def closed(line: list[Any], relaxation: float | None) -> list[Any]:
    """Put in how much of the gap between the relaxation's bound and the best known value a bound closes."""
    known, bound = line[1], line[3]
    share = None if bound is None or relaxation is None else f"{(relaxation - bound) / (relaxation - known):.0%}"
    return [*line[:4], share, *line[4:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = arguments_on_a_quiet_machine(parser).seconds
    lines: list[list[Any]] = []
    for name in INSTANCES:
        lines += rows(name, seconds)
        print(*lines[-9:], sep="\n", flush=True)
        write_results(
            __file__, "Ideas to tighten the bounds on set-union knapsacks", [*page(seconds), table(HEADER, lines)]
        )


def page(seconds: float) -> list[str]:
    """What the table shows."""
    return [
        f"Each bound is measured by itself, on one thread. The dual ascent has {seconds:g} CPU seconds, as has each "
        f"process of a tree; HiGHS has {2 * seconds:g} s of wall time for the pairs, and the machine was shared.",
        "Cliques are sets of items of which no two fit together. The pairs are products Z_ef of excluded elements: "
        "those with the most profit on them, times all others. Probing bounds each element excluded and kept "
        f"({PROBE_ROUNDS} rounds each) and fixes it when one side cannot beat the best known value. The tree gets that "
        "value as its cut-off; two processes share the two branches of the element that probing likes best, and the "
        "larger bound counts. `closed` is the part of the gap between the linear relaxation and the best known value "
        "that a bound closes; below zero it is weaker than the relaxation.",
        "Not tried: the dual ascent in the nodes of the tree, and rows for the minimality of the exclusion.",
    ]


if __name__ == "__main__":
    main()

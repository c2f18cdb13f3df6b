"""Other people's file formats: the set-union knapsack instances of He et al. (2018) and Wei and Hao (2019)."""

from __future__ import annotations

import re
from pathlib import Path

from edgeopt.errors import Finding, InputError
from edgeopt.files import read_text
from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.placement.instance import Demand, Node, PlacementInstance

_HEADER = re.compile(r"m\s*=\s*(\d+)\s+n\s*=\s*(\d+)\s+knapsack\s+size\s*=\s*(\d+)", re.IGNORECASE)
_NODE = "knapsack"


def read_sukp(path: str | Path) -> PlacementInstance:
    """Read a set-union knapsack file: items become models, elements become blocks, one node is the knapsack.

    The file has a line ``m=<items> n=<elements> knapsack size=<capacity>``, then the profits of the items, the weights
    of the elements and the m x n matrix of zeros and ones; lines with letters and empty lines are skipped.

    Raises
    ------
    InputError
        The file cannot be read, has no such header, or has not as many numbers as the header says.
    """
    text = read_text(path)
    header = _HEADER.search(text)
    if header is None:
        remedy = "a line such as 'm=100 n=85 knapsack size=12015' should stand above the profits"
        raise InputError(Finding("$", "there is no header of a set-union knapsack instance", remedy), path)
    items, elements, capacity = (int(group) for group in header.groups())
    numbers = _numbers(text[header.end() :], path)
    expected = items + elements + items * elements
    if len(numbers) != expected:
        problem = f"{len(numbers)} numbers after the header, where m={items} and n={elements} need {expected}"
        raise InputError(Finding("$", problem, "m profits, n weights, then an m x n matrix"), path)
    profits, weights = numbers[:items], numbers[items : items + elements]
    rows = [numbers[items + elements * (1 + item) :][:elements] for item in range(items)]
    for item, row in enumerate(rows):
        if not set(row) <= {0, 1}:
            raise InputError(Finding("$", f"row {item + 1} of the matrix holds other numbers than 0 and 1"), path)
    return sukp_instance(Path(path).stem, profits, weights, rows, capacity)


def sukp_instance(
    name: str, profits: list[int], weights: list[int], rows: list[list[int]], capacity: int
) -> PlacementInstance:
    """Make the placement instance of a set-union knapsack problem.

    Parameters
    ----------
    name : str
    profits : list of int, length m
        Profit of each item.
    weights : list of int, length n
        Weight of each element.
    rows : list of m lists of n int
        1 where the item needs the element.
    capacity : int
    """
    blocks = {f"element{number}": weight for number, weight in enumerate(weights, 1)}
    names = list(blocks)
    models = {
        f"item{number}": Model(blocks=[names[column] for column, needed in enumerate(row) if needed])
        for number, row in enumerate(rows, 1)
    }
    demand = [
        Demand(user="everyone", model=model, weight=profit, nodes=[_NODE])
        for model, profit in zip(models, profits, strict=True)
    ]
    library = ModelLibrary(name=f"{name} items", blocks=blocks, models=models)
    return PlacementInstance(name=name, library=library, nodes={_NODE: Node(storage_bytes=capacity)}, demand=demand)


def _numbers(text: str, path: str | Path) -> list[int]:
    numbers: list[int] = []
    for line in text.splitlines():
        if re.search(r"[A-Za-z]", line):
            continue
        try:
            numbers.extend(int(word) for word in line.split())
        except ValueError:
            raise InputError(Finding("$", f"not whole numbers: {line.strip()[:60]!r}"), path) from None
    return numbers


READERS = {"sukp": read_sukp}

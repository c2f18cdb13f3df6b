"""Numba's compiler as kernels use it: what it remembers changes no type and no code."""

from __future__ import annotations

import sys
from collections import Counter
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import float64, int64, njit, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Flags
from numba.extending import overload

from edgeopt.kernel_compiler import DOOR, _Flags
from edgeopt.kernels import inner_kernel, kernel

SIGNATURE = (float64[::1], int64[::1], float64, int64)


def smooth(values: Any, other: Any, weight: Any, floor: Any) -> Any:
    total = 0.0
    for index in range(1, len(values) - 1):
        least = min(values[index - 1], other[index + 1] // 2)
        other[index] = abs(least) % 7
        total += weight * least - (other[index] << 1) / floor if values[index] > floor else np.sqrt(weight)
    return total


def arguments(kind: Any) -> list[Any]:
    values = np.arange(9)[::-1].astype(kind)
    return [values, np.arange(9) * 3, 0.7, 2]


@pytest.mark.parametrize(
    ("kind", "allocates", "error_model"),
    [(np.int64, False, "python"), (np.float64, True, "numpy"), (np.float64, False, "python")],
)
def test_a_kernel_has_the_types_and_the_instructions_that_numba_gives_it(
    kind: Any, allocates: bool, error_model: str
) -> None:
    ours = kernel(smooth, cache=False, allocates=allocates, error_model=error_model)
    numbas = njit(smooth, _nrt=allocates, error_model=error_model, no_cfunc_wrapper=True)
    left, right = arguments(kind), arguments(kind)
    assert ours(*left) == numbas(*right)
    assert left[1].tolist() == right[1].tolist()
    (one,), (other,) = ours.overloads.values(), numbas.overloads.values()
    assert one.signature == other.signature
    added, missing = instructions(ours) - instructions(numbas), instructions(numbas) - instructions(ours)
    assert added <= Counter({"getelementptr": 4, "load": 4})  # what is read of two arrays
    assert not missing


def instructions(compiled: Any) -> Counter[str]:
    """Count the operations of the optimized code of `smooth`, without its door for Python."""
    (code,) = compiled.overloads.values()
    functions = [part for part in code.library.get_defined_functions() if "smooth" in part.name]
    (inside,) = (part for part in functions if not part.name.startswith(DOOR))
    return Counter(line.opcode for block in inside.blocks for line in block.instructions)


def test_only_the_door_for_python_is_not_optimized() -> None:
    ours = kernel(smooth, cache=False)
    ours(*arguments(np.float64))
    (code,) = ours.overloads.values()
    left_alone = [part.name for part in code.library.get_defined_functions() if "optnone" in attributes(part)]
    assert len(left_alone) == 3  # with what takes the arrays, for each of their two types
    assert all(name.startswith(DOOR) for name in left_alone)


class Store(NamedTuple):
    values: Any
    counts: Any
    size: int


class Pair(NamedTuple):
    left: Store
    right: Store
    names: tuple[Any, Any]


@inner_kernel
def stock(store: Any, name: Any, factor: Any) -> Any:
    total = 0.0
    for place in range(store.size):
        store.counts[place] += name[place]
        total += factor * store.values[place] * store.counts[place]
    return total


@kernel
def stocked(pair: Any, rounds: Any, names: Any) -> Any:
    total, store = 0.0, pair.left
    for turn in range(rounds):
        other = Store(pair.right.values[1:], store.counts, pair.right.size - 1)
        total += stock(store, pair.names[turn % 2], 2.0) - stock(other, names[1], 0.5)
        store = pair.right if turn % 3 else pair.left
        store = store if turn % 5 else other
    return total + stock(store, names[0], 1.0)


@kernel
def stocked_twice(pair: Any, rounds: Any) -> Any:
    return stocked(pair, rounds, pair.names) + stocked(pair, rounds + 1, pair.names)


def two_stores(kind: Any) -> Pair:
    values = np.random.default_rng(3).random((2, 6)).astype(kind)
    left, right = (Store(line, np.arange(6) * number, 6) for number, line in enumerate(values, 1))
    return Pair(left, right, (np.arange(6) % 3, np.arange(6) % 4))


def in_python(pair: Pair, rounds: int) -> float:
    """Do what `stocked` does without a compiler."""
    code = dict(vars(sys.modules[__name__]), stock=stock.py_func)
    return float(FunctionType(stocked.py_func.__code__, code)(pair, rounds, pair.names))


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_records_that_go_by_address_are_what_they_were(kind: Any) -> None:
    ours, pythons = two_stores(kind), two_stores(kind)
    for rounds in (0, 1, 4, 9):
        wanted = in_python(pythons, rounds) + in_python(pythons, rounds + 1)
        assert stocked_twice(ours, rounds) == pytest.approx(wanted, rel=1e-4)
        assert [store.counts.tolist() for store in ours[:2]] == [store.counts.tolist() for store in pythons[:2]]


def test_a_record_is_one_argument_of_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, int] = {}
    add = JITCodeLibrary.add_ir_module

    def counted(self: Any, module: Any) -> None:
        made.update({part.name: len(part.args) for part in module.functions if part.blocks})
        add(self, module)

    monkeypatch.setattr(JITCodeLibrary, "add_ir_module", counted)
    kernel(stocked.py_func, cache=False)(two_stores(np.int32), 2, two_stores(np.int32).names)
    outer, inner = (
        [count for name, count in made.items() if word in name and not name.startswith(DOOR)]
        for word in ("7stocked", "5stock")
    )
    assert outer == [2 + 3]  # after the places of the result and of an error
    assert inner
    assert set(inner) == {2 + 3}


def test_what_is_assigned_once_and_what_arrays_hold_is_read_without_a_detour(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    add = JITCodeLibrary.add_ir_module

    def counted(self: Any, module: Any) -> None:
        made.extend(
            sum(len(block.instructions) for block in part.blocks)
            for part in module.functions
            if "smooth" in part.name and part.blocks
        )
        add(self, module)

    monkeypatch.setattr(JITCodeLibrary, "add_ir_module", counted)
    inner_kernel(smooth).compile(SIGNATURE)
    njit(smooth, _nrt=False, no_cfunc_wrapper=True, no_cpython_wrapper=True).compile(SIGNATURE)
    ours, numbas = made
    assert ours < 0.75 * numbas


@pytest.mark.parametrize("allocates", [False, True])
@pytest.mark.parametrize("order", ["C", "F", "A"])
@pytest.mark.parametrize("kind", [np.float64, np.int8, np.uint32, np.bool_])
@pytest.mark.parametrize("index", [np.int64, np.int8, np.uint8])
def test_items_of_arrays_are_those_of_numba(index: Any, kind: Any, order: str, allocates: bool) -> None:
    def moved(grid: Any, line: Any, at: Any, other: Any) -> Any:
        grid[at, other] = line[other] + grid[other, 1]
        grid[-1, at] = line[-2]
        line[at] = 7
        return grid[at, -3] + line[other - 1]

    ours, numbas = kernel(moved, cache=False, allocates=allocates), njit(moved)
    for at, other in ((2, 1), (0, 3)) if index is np.uint8 else ((2, -1), (-2, 3), (-4, -3)):
        drawn = np.arange(32).reshape(4, 8).astype(kind)
        grid = {"C": np.ascontiguousarray, "F": np.asfortranarray, "A": lambda grid: grid}[order](drawn[:, ::2])
        line = drawn[1, ::2] if order == "A" else drawn[1].copy()
        one, two = (grid.copy(order="K"), line.copy()), (grid.copy(order="K"), line.copy())
        if order == "A":
            one, two = ((wide[:, ::2], wide[1, 1::2]) for wide in (drawn.copy(), drawn.copy()))
        assert ours(*one, index(at), index(other)) == numbas(*two, index(at), index(other))
        assert all(np.array_equal(left, right) for left, right in zip(one, two, strict=True))


def test_variables_of_branches_and_loops_are_those_of_numba() -> None:
    def wandered(steps: Any, table: Any) -> Any:
        last, found, ahead = -1, 0, 1
        for step in range(steps):
            before, last = last, table[step % len(table)]
            if before < last:
                gain = last - before
                found += gain
                continue
            while ahead < last:
                found, ahead = found + ahead, ahead * 2
                if found > 40:
                    break
            else:
                ahead = 1
            found -= step if before == last else gain
        return found, last, ahead

    ours, numbas = kernel(wandered, cache=False), njit(wandered)
    for seed in range(20):
        table = np.random.default_rng(seed).integers(0, 9, 7)
        assert ours(23, table) == numbas(23, table)


def attributes(function: Any) -> str:
    return " ".join(attribute.decode() for attribute in function.attributes)


def last_of_tail(values: Any) -> Any:
    """Return the last value, by an array that is a part of this one."""
    raise NotImplementedError


@overload(last_of_tail)
def _last_of_tail(values: Any) -> Any:
    def look_up(values: Any) -> Any:
        tail = values[1:]
        return tail[-1]

    return look_up


@pytest.mark.parametrize("order", [(False, True, False), (True, False, True)])
def test_code_with_references_stays_out_of_a_kernel_without_them(order: tuple[bool, ...]) -> None:
    def last(values: Any) -> Any:
        return last_of_tail(values)

    values = np.arange(5, dtype=np.float32 if order[0] else np.float64)
    for allocates in order:
        ours = kernel(last, cache=False, allocates=allocates)
        numbas = njit(last, _nrt=allocates, no_cfunc_wrapper=True)
        assert ours(values) == numbas(values) == 4
        assert contained(ours) == contained(numbas) != set()


def contained(compiled: Any) -> set[str]:
    """Return the names of the code of `look_up`, which tell the flags, in a function."""
    (code,) = compiled.overloads.values()
    functions = [part.name for library in code.library._linking_libraries for part in library.get_defined_functions()]
    return {name for name in functions if "look_up" in name}


def test_no_function_is_asked_twice_about_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    ask = types.Function.get_call_type

    def counted(self: Any, *call: Any) -> Any:
        asked.append(call)
        return ask(self, *call)

    monkeypatch.setattr(types.Function, "get_call_type", counted)
    kernel(smooth, cache=False)(*arguments(np.float32))
    assert asked
    asked.clear()
    kernel(smooth, cache=False)(*arguments(np.float32))
    assert not asked


def test_flags_compare_as_those_of_numba() -> None:
    plain, ours = Flags(), _Flags()
    assert ours == plain
    assert hash(ours) == hash(plain)
    ours.nrt = plain.nrt  # the default, stated
    assert ours == plain
    ours.nrt = not plain.nrt
    assert ours != plain
    assert ours != _Flags()
    assert ours == ours.copy()
    assert type(ours.copy()) is _Flags
    assert ours != "flags"

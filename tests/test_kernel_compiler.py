"""Numba's compiler as kernels use it: what it remembers changes no type and no code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit, types
from numba.core.compiler import Flags
from numba.extending import overload

from edgeopt.kernel_compiler import DOOR, _Flags
from edgeopt.kernels import kernel


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
    assert instructions(ours) == instructions(numbas)


def instructions(compiled: Any) -> list[str]:
    """Return the operations of the optimized code of `smooth`, without its door for Python."""
    (code,) = compiled.overloads.values()
    functions = [part for part in code.library.get_defined_functions() if "smooth" in part.name]
    (inside,) = (part for part in functions if not part.name.startswith(DOOR))
    return [line.opcode for block in inside.blocks for line in block.instructions]


def test_only_the_door_for_python_is_not_optimized() -> None:
    ours = kernel(smooth, cache=False)
    ours(*arguments(np.float64))
    (code,) = ours.overloads.values()
    left_alone = [part.name for part in code.library.get_defined_functions() if "optnone" in attributes(part)]
    assert len(left_alone) == 1
    assert left_alone[0].startswith(DOOR)


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

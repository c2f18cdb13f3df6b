"""Containers that do not change, so that records are frozen all the way down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator

K = TypeVar("K")
V = TypeVar("V")


def _refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
    raise TypeError("records do not change: make a changed copy with replace(...), or copy the container first")


class FrozenDict(dict[Any, Any]):
    """A dict that does not change; as JSON, in comparisons and when copied it is a plain one."""

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self


class FrozenList(list[Any]):
    """A list that does not change; as JSON, in comparisons and in slices it is a plain one."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenList, (list(self),)

    def __deepcopy__(self, memo: object) -> FrozenList:
        return self


def frozen(value: Any) -> Any:
    """Return plain data with frozen containers at every depth."""
    if isinstance(value, Mapping):
        return FrozenDict({key: frozen(child) for key, child in value.items()})
    if isinstance(value, list | tuple):
        return FrozenList(map(frozen, value))
    return value


# The types of a record's fields: they are read as dict and list, and frozen then.
DictOf = Annotated[dict[K, V], AfterValidator(FrozenDict)]
ListOf = Annotated[list[V], AfterValidator(FrozenList)]
PlainData = Annotated[dict[str, Any], AfterValidator(frozen)]

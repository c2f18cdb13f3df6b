"""What an export is made of, what it makes, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from edgeopt.errors import UsageError, suggestion
from edgeopt.instance import Instance
from edgeopt.libraries.library import ModelLibrary
from edgeopt.solution import Plan

NOTHING_PLACED = "the plan places nothing"


@dataclass(frozen=True)
class Request:
    """What is to be exported.

    Attributes
    ----------
    instance : Instance
    plan : dict or None
        A feasible plan, where the target needs one.
    models : list of str or None
        The only models to be written; None: all.
    names : mapping of str to str
        What models are called in the file, where it is not as in the library.
    max_lora_rank : int or None
    """

    instance: Instance
    plan: Plan | None = None
    models: list[str] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    max_lora_rank: int | None = None

    def __post_init__(self) -> None:
        known = list(self.instance.library.models)
        for model in [*(self.models or ()), *self.names]:
            if model not in self.instance.library.models:
                raise UsageError(f"the library has no model {model!r}; {suggestion(model, known)}")
        written = [self.name(model) for model in known]
        twice = next((name for name in written if written.count(name) > 1), None) if self.names else None
        if twice is not None:
            raise UsageError(f"two models would be called {twice!r}")

    def name(self, model: str) -> str:
        """Return what a model is called in the file."""
        return self.names.get(model, model)

    def legal_name(self, model: str, pattern: re.Pattern[str], rule: str) -> str:
        """Return what a model is called, which has to keep a rule of the target.

        Raises
        ------
        UsageError
            It does not.
        """
        name = self.name(model)
        if not pattern.fullmatch(name):
            raise UsageError(f"the name {name!r} breaks a rule of the target: {rule}; give --rename {model}=NAME")
        return name

    def source(self, model: str) -> str:
        """Return where a model came from.

        Raises
        ------
        UsageError
            The library does not tell.
        """
        source = self.instance.library.models[model].source
        if source is None:
            raise UsageError(
                f"the library does not tell where {model!r} came from; scan it, or add 'source' to its file"
            )
        return source


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes
    ----------
    name, title : str
    problems : tuple of str
        Problems whose instances it takes; empty: all.
    needs_plan : bool
    endings : tuple of str
        How its files may end.
    write : callable
        Takes a `Request`, returns the texts of the files by what tells them apart (empty for a single file), and what a
        person should know.
    """

    name: str
    title: str
    problems: tuple[str, ...]
    needs_plan: bool
    endings: tuple[str, ...]
    write: Callable[[Request], tuple[dict[str, str], str]]


def require_shared_by(library: ModelLibrary, allowed: str, target: str, reason: str) -> None:
    """Make sure that a library counts only what the target shares.

    Raises
    ------
    UsageError
        It counts something else; a library that does not say must at least have nothing shared for a target that shares
        nothing.
    """
    if library.shared_by == allowed:
        return
    if library.shared_by is not None:
        raise UsageError(
            f"the library {library.name!r} counts what is shared by {library.shared_by!r}, but {reason}: "
            f"{target} takes libraries of --shared-by {allowed}"
        )
    if allowed == "nobody":
        shared = next((atom for atom in library.atoms() if len(atom.models) > 1), None)
        if shared is not None:
            raise UsageError(
                f"the models {shared.models[0]!r} and {shared.models[1]!r} share blocks, but {reason}: {target} takes "
                "libraries in which nothing is shared"
            )


def joined(names: Iterable[str], most: int = 5) -> str:
    """List names, the first few of many."""
    every = list(names)
    return ", ".join(map(repr, every[:most])) + (f" and {len(every) - most} more" if len(every) > most else "")

"""What kind of `loading` instance a method is asked to solve, and which code does so: the one place for both.

What is free with one deadline is not free otherwise, so that one method (`exact`, say) has an implementation for each
mode. An instance of a mode that nobody implements is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from edgeopt.loading.instance import LoadingInstance
from edgeopt.method import Kind, method
from edgeopt.run import Outcome, Run

Fits = Callable[[LoadingInstance], str | None]
Solve = Callable[[LoadingInstance, Run], Outcome]


class Mode(StrEnum):
    """Kinds of instances that are solved by different code."""

    ONE_DEADLINE = "one deadline"  # an upload phase, blocks kept by consecutive models, one deadline for all users
    INDIVIDUAL_DEADLINES = "individual deadlines"  # the same, but the users' deadlines differ
    EXTENDED = "another `upload` or `retention`, one deadline"
    EXTENDED_INDIVIDUAL = "another `upload` or `retention`, individual deadlines"


def mode_of(instance: LoadingInstance) -> Mode:
    """Return the mode of an instance."""
    if unusual_mode(instance):
        return Mode.EXTENDED_INDIVIDUAL if different_deadlines(instance) else Mode.EXTENDED
    return Mode.INDIVIDUAL_DEADLINES if different_deadlines(instance) else Mode.ONE_DEADLINE


def unusual_mode(instance: LoadingInstance) -> str | None:
    """Say which key of the instance asks for another problem than consecutive retention after an upload phase."""
    if instance.upload != "phase":
        return f"it does not know `upload`: {instance.upload!r}"
    if instance.retention != "consecutive":
        return f"it does not know `retention`: {instance.retention!r}"
    return None


def different_deadlines(instance: LoadingInstance) -> str | None:
    """Say which two users have different deadlines; None when all have the same."""
    users = iter(instance.users.items())
    first, facts = next(users, (None, None))
    for name, other in users:
        if facts is not None and other.deadline_s != facts.deadline_s:
            return (
                f"it needs one deadline for all users, but {first!r} has {facts.deadline_s:g} s "
                f"and {name!r} has {other.deadline_s:g} s"
            )
    return None


def individual_deadlines(instance: LoadingInstance) -> str | None:
    """Say which two users have different deadlines, or which mode is not the usual one; None when neither is so."""
    return different_deadlines(instance) or unusual_mode(instance)


def one_deadline(instance: LoadingInstance) -> str | None:
    """Say why a method for one deadline refuses the instance, and what would work, or return None."""
    reason = individual_deadlines(instance)
    return f"{reason}; 'exact' and 'local-search' would work" if reason and not unusual_mode(instance) else reason


@dataclass(frozen=True)
class Implementation:
    """What a method does in one mode.

    Attributes
    ----------
    fits : callable
        Instance of the mode to the reason why it is refused, or None.
    solve : callable
    """

    fits: Fits
    solve: Solve


_IMPLEMENTATIONS: dict[tuple[str, Mode], Implementation] = {}


def implementation(name: str, mode: Mode, *, fits: Fits = lambda instance: None) -> Callable[[Solve], Solve]:
    """Make the decorated function what the method of this name does with instances of this mode.

    Parameters
    ----------
    name : str
        A method registered by `register_by_mode`.
    mode : Mode
    fits : callable
        Instance of this mode to the reason why it is refused (which names what would work), or None.
    """

    def register(solve: Solve) -> Solve:
        _IMPLEMENTATIONS[name, mode] = Implementation(fits, solve)
        return solve

    return register


def register_by_mode(name: str, kind: Kind, guarantee: str) -> None:
    """Register a method that does with an instance what its implementation for the instance's mode does."""
    method("loading", name, kind=kind, guarantee=guarantee, fits=partial(_refusal, name))(partial(_solve, name))


def _refusal(name: str, instance: LoadingInstance) -> str | None:
    found = _IMPLEMENTATIONS.get((name, mode_of(instance)))
    if found:
        return found.fits(instance)
    return one_deadline(instance) or f"it does not know {mode_of(instance)} for all users"


def _solve(name: str, instance: LoadingInstance, run: Run) -> Outcome:
    return _IMPLEMENTATIONS[name, mode_of(instance)].solve(instance, run)

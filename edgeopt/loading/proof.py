"""What a proof of `loading` has so far: the best plan and the bound, both in users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from edgeopt.run import Incumbent, Run
from edgeopt.solution import Plan

T = TypeVar("T")


class UsersProof(Generic[T]):
    """The best plan and the bound, which the steps of a method bring together.

    Parameters
    ----------
    run : Run
    best : object or None
        A plan, in whatever form the method has it; None for nobody served.
    users : int
        How many users it serves.
    most : int
        No plan serves more.
    plan : callable
        Makes the plan of what the method has.

    Attributes
    ----------
    known : Incumbent
        Its value and bound are numbers of users.
    nodes : int
        Nodes of all branch and bounds.
    notes : list of str
        Sentences for the user.
    """

    def __init__(self, run: Run, best: T | None, users: int, most: int, plan: Callable[[T], Plan]) -> None:
        self.run = run
        self.known: Incumbent[T] = Incumbent(run, best, users, most, plan)
        self.nodes = 0
        self.notes: list[str] = []

    @property
    def users(self) -> int:
        """Users of the best plan."""
        return int(self.known.value or 0)

    @property
    def bound(self) -> int:
        """No plan serves more users."""
        return int(self.known.bound or 0)

"""The libraries for learning are an extra."""

from __future__ import annotations

from importlib.util import find_spec

from edgeopt.errors import MissingExtra
from edgeopt.method import EXTRAS
from edgeopt.versions import install_command


def require_learning(module: str = "torch") -> None:
    """Make sure that a library for learning is there.

    Raises
    ------
    MissingExtra
        It is not; the message is the install command.
    """
    if find_spec(module) is None:
        raise MissingExtra(f"agents need an extra: {install_command(EXTRAS[module])}")

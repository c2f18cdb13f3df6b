"""Command line: one thin file per verb."""

from edgeopt.cli.application import main

__all__ = ["main"]

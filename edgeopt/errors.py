"""The errors that a user can meet, each with what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

LISTED_FINDINGS = 10


class EdgeoptError(Exception):
    """Base class of every error that edgeopt raises on purpose."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a file.

    Attributes
    ----------
    place : str
        JSON path, ``$`` being the whole file: ``$.users.u7.deadline_s``.
    problem : str
        What is wrong.
    remedy : str or callable
        What would be right; may be empty when the problem says it. A search for near names is made when it is shown.
    """

    place: str
    problem: str
    remedy: str | Callable[[], str] = ""

    def __str__(self) -> str:
        place = f"at {self.place}: " if self.place != "$" else ""
        remedy = self.remedy() if callable(self.remedy) else self.remedy
        return place + self.problem + (f" ({remedy})" if remedy else "")


class InputError(EdgeoptError):
    """A file or an object that is not what it should be."""

    def __init__(self, findings: Sequence[Finding] | Finding, file: str | Path | None = None) -> None:
        self.findings = [findings] if isinstance(findings, Finding) else list(findings)
        self.file = None if file is None else str(file)
        super().__init__(self._text())

    def _text(self) -> str:
        shown = [str(finding) for finding in self.findings[:LISTED_FINDINGS]]
        if len(self.findings) > LISTED_FINDINGS:
            shown.append(f"... and {len(self.findings) - LISTED_FINDINGS:,} more")
        prefix = f"{self.file}: " if self.file else ""
        return prefix + ("\n  " if len(shown) > 1 else "").join(["", *shown] if len(shown) > 1 else shown)

    def located(self, file: str | Path | None = None, place: str = "$") -> InputError:
        """Return the same error seen from an enclosing file or object, `place` being the path of the inner one."""
        moved = [replace(finding, place=place + finding.place.removeprefix("$")) for finding in self.findings]
        return InputError(moved, self.file or file)


class UsageError(EdgeoptError):
    """A call that cannot be meant: an unknown method, option or problem."""


class ArgumentError(UsageError):
    """Arguments that cannot be meant: the place of each finding is the argument's name."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__("\n  ".join(map(str, findings)))

    def renamed(self, name: Callable[[str], str]) -> ArgumentError:
        """Return the same error with other names for the arguments."""
        return ArgumentError([replace(finding, place=name(finding.place)) for finding in self.findings])


class MethodRefusal(EdgeoptError):
    """A method that does not apply to the instance, with the reason and what would work."""


class MissingExtra(EdgeoptError):
    """An optional library that is not installed; the message is the install command."""


class ProgramError(EdgeoptError):
    """A fault of a method: a plan that fails the check, or a bound that crosses a checked objective."""


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return a hint towards the known name nearest to `name`, or a sample of the known ones."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    sample = ", ".join(repr(item) for item in sorted(known)[:8])
    return f"known: {sample}{', ...' if len(known) > 8 else ''}" if known else "there is none"

"""Methods of one's own in a sweep: a Python file, or a module that is installed wherever runs are made."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from edgeopt.method import Method


@dataclass(frozen=True)
class Plugin:
    """A module that registers methods when it is imported.

    Attributes
    ----------
    module : str
        Its name.
    file : str
        Its file; empty when it is installed.
    source : str
        Content of the file: it travels with the run, so that other machines need not see the file.
    """

    module: str
    file: str = ""
    source: str = ""

    def load(self) -> None:
        """Import it; it may raise whatever its code raises."""
        if not self.file:
            import_module(self.module)
            return
        module = ModuleType(self.module)
        module.__file__ = self.file
        sys.modules[self.module] = module
        exec(compile(self.source, self.file, "exec"), module.__dict__)

    def registered(self, method: Method) -> bool:
        """Say whether the method is of this module."""
        return method.module == self.module

    @property
    def sha256(self) -> str:
        """Hash of the source; empty for an installed module."""
        return hashlib.sha256(self.source.encode()).hexdigest() if self.file else ""

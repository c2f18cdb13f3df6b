"""Methods and policies of one's own: a Python file, or a module that is installed wherever runs are made."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from edgeopt.errors import UsageError
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


def import_plugin(name: str, folder: Path = Path()) -> Plugin:
    """Read and import a plug-in.

    Parameters
    ----------
    name : str
        A Python file, relative to the folder, whose name ends in ``.py``; else an installed module.
    folder : Path

    Raises
    ------
    UsageError
        It cannot be read or imported, whatever its code does.
    """
    file = folder / name
    try:
        if name.endswith(".py"):
            plugin = Plugin(f"edgeopt_plugin_{file.stem}", str(file), file.read_text(encoding="utf-8-sig"))
        else:
            plugin = Plugin(name)
        plugin.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plug-in may call sys.exit
        raise UsageError(f"{name!r} cannot be imported: {type(error).__name__}: {error}") from None
    return plugin

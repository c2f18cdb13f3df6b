"""The command line, run inside the test or as a process of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from edgeopt.cli import main


def run(*arguments: str | int | Path) -> tuple[int, str, str]:
    """Run `edgeopt` with these arguments: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", ["edgeopt", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return code, out.getvalue(), err.getvalue()


def start(*arguments: str | int | Path, preamble: str = "") -> subprocess.Popen[str]:
    """Start `edgeopt` as a process; `preamble` is Python that runs first, such as the registration of a method."""
    code = f"import sys\n{preamble}\nfrom edgeopt.cli import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

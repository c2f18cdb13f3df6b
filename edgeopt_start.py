"""The first lines of the program `edgeopt`: until its verbs take over, Ctrl-C ends it with one line.

They stand outside of the package, whose import takes a while.
"""

import os
import signal


def _interrupted(signum: int, frame: object) -> None:
    os.write(2, b"edgeopt: interrupted\n")
    os._exit(1)


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    from edgeopt.cli import main as program

    try:
        program()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is Python's own end

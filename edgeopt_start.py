"""The first lines of the program `edgeopt`: until its verbs take over, Ctrl-C ends it with one line.

They stand outside of the package, whose import takes a while.
"""

import gc
import os
import signal


def _interrupted(signum: int, frame: object) -> None:
    os.write(2, b"edgeopt: interrupted\n")
    os._exit(1)


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    gc.disable()  # nothing that is imported is ever given up: to look through it takes an eighth of the time
    from edgeopt.cli import main as program

    gc.freeze()
    gc.enable()
    try:
        program()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is Python's own end

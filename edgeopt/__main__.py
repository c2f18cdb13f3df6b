"""``python -m edgeopt`` is the command ``edgeopt``."""

from edgeopt.cli import main

main()

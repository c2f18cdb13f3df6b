"""What a method compiles at its first use: ceilings on the number of functions and the size of their code.

Compiling takes time in proportion to both: about 5 CPU seconds for the largest. A function of numpy, a kernel that
makes arrays, or a kernel for another type of array adds to them unseen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import sys
from numba.core import event
from edgeopt.method import find_method
from edgeopt.problems import find_problem
from edgeopt.rehearsal import rehearse_kind

class Count(event.Listener):
    functions = 0
    def on_start(self, _): self.functions += 1
    def on_end(self, _): pass

count = Count()
event.register("numba:compile", count)
problem, method, *words = sys.argv[1:]
kinds = find_problem(problem).part("specimens").KINDS
rehearse_kind(find_method(problem, method), next(kind for kind in kinds if all(word in kind for word in words)))
print(count.functions)
"""


OVERLAPPED = "overlapped", "consecutive", "individual"
STREAM = "overlapped", "consecutive", "stream", "none"
AFTER_A_PHASE = "phase", "consecutive", "common"
CEILINGS = [  # functions; kilobytes of code, 5 % above what they were
    ("caching", "exact", ("few nodes",), 28, 800),
    ("pulling", "lagrangian", ("unlimited",), 23, 630),
    ("loading", "counts-dp", AFTER_A_PHASE, 34, 740),
    ("loading", "exact", OVERLAPPED, 54, 1010),
    ("loading", "local-search", AFTER_A_PHASE, 47, 800),
    ("loading", "exact", STREAM, 46, 905),
    ("placement", "portfolio", ("one node",), 33, 555),
]


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "method", "kind", "functions", "kilobytes"), CEILINGS)
def test_a_first_use_compiles_no_more_than_it_did(
    tmp_path: Path, problem: str, method: str, kind: tuple[str, ...], functions: int, kilobytes: int
) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROBE, problem, method, *kind]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) <= functions
    assert 0 < sum(path.stat().st_size for path in tmp_path.rglob("*.nbc")) <= kilobytes * 1000

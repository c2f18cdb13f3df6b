"""Rehearsals: a method runs once on a small specimen before its clock starts.

What a first call costs beyond the method itself (imports, kernels to compile or to load, solvers to start) is then
paid, and is stated apart as set-up time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from edgeopt import clock
from edgeopt.clock import Clock, compiling_for
from edgeopt.instance import Instance
from edgeopt.method import Method, find_method, methods
from edgeopt.problems import find_problem
from edgeopt.run import Options, Run

LIMIT_S = 2.0  # of the processor, without compiling

_done: set[tuple[str, str, object]] = set()


def rehearse(method: Method, instance: Instance) -> None:
    """Run a method of edgeopt's own on a specimen of the instance's kind, once in this process.

    Methods of others are not called behind their backs.
    """
    kind = find_problem(instance.problem).part("specimens").kind_of(instance)
    if method.own:
        rehearse_kind(method, kind)


def rehearse_kind(method: Method, kind: object) -> None:
    """Run a method on the specimen of a kind, once in this process; what goes wrong there, the run itself will tell."""
    part = (method.problem, method.name, kind)
    if part in _done:
        return
    specimens = find_problem(method.problem).part("specimens")
    specimen = specimens.specimen(kind)
    if method.refusal(specimen) is None:
        options = Options(time_limit=LIMIT_S, iteration_limit=specimens.ITERATIONS)
        with compiling_for(f"{method.problem} {method.name}"), suppress(Exception):
            clock = Clock(time.process_time)  # what else the machine does must not cut a rehearsal short
            outcome = method.function(specimen, Run(options, maximize=specimen.conventions.maximize, clock=clock))
            if outcome.plan is not None:
                specimen.conventions.part("checker").check(specimen, outcome.plan)
    _done.add(part)


def warm_up(problems: Iterable[str], progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Rehearse all methods of some problems on all kinds of instances, in as many processes as there are cores.

    Parameters
    ----------
    problems : iterable of str
    progress : callable
        Called with the numbers of rehearsed methods and of all.

    Returns
    -------
    int
        Kernels compiled; 0 when all had been.
    """
    from multiprocessing import get_context

    parts = [(problem, name) for problem in problems for name, method in methods(problem).items() if method.own]
    progress(0, len(parts))
    compiled = 0
    with get_context("spawn").Pool(initializer=_leave_interrupts) as pool:
        for done, more in enumerate(pool.imap_unordered(_rehearse_all_kinds, parts), 1):
            compiled += more
            progress(done, len(parts))
    return compiled


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _rehearse_all_kinds(part: tuple[str, str]) -> int:
    problem, name = part
    before = clock.compiled
    for kind in find_problem(problem).part("specimens").KINDS:
        rehearse_kind(find_method(problem, name), kind)
    return clock.compiled - before

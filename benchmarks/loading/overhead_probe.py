"""Run by `overhead.py`: the command line with a stop-watch in its steps, ended when the solver starts.

Arguments: instance file, method, time of the start. Steps are wrapped when their modules are imported, so that nothing
is imported earlier than a user's run would import it. Seconds are CPU seconds of the process.
"""

import builtins
import importlib
import importlib.abc
import importlib.util
import json
import os
import sys
import time

spent = {"python": time.process_time()}
imports_open = 0
steps_open = 0


def timed_import(load):
    """Count the time of the outermost import only."""

    def wrapper(*arguments, **keywords):
        global imports_open
        imports_open += 1
        began = time.process_time()
        try:
            return load(*arguments, **keywords)
        finally:
            imports_open -= 1
            if not imports_open:
                spent["import"] = spent.get("import", 0.0) + time.process_time() - began

    return wrapper


def timed(step, function):
    """Count the time of a step, without the imports and the other steps inside it."""

    def wrapper(*arguments, **keywords):
        global steps_open
        if steps_open:
            return function(*arguments, **keywords)
        steps_open += 1
        began, imported = time.process_time(), spent.get("import", 0.0)
        try:
            return function(*arguments, **keywords)
        finally:
            steps_open -= 1
            elapsed = time.process_time() - began - (spent.get("import", 0.0) - imported)
            spent[step] = spent.get(step, 0.0) + elapsed

    return wrapper


def solver_starts(*_arguments, **_keywords):
    """Print what was spent, and end."""
    total = time.process_time()
    spent["own"] = total - sum(spent.values())
    spent["wall"] = time.time() - float(BEGAN)
    print(json.dumps(spent), flush=True)
    os._exit(0)


WRAPPED = {
    "edgeopt.instance": ("read", "read"),
    "edgeopt.models.loading": ("formulate", "build"),
    "edgeopt.engines.linear": ("compile_formulation", "hand over"),
    "edgeopt.engines.highs": ("HighsSolver.__init__", "hand over"),
}


def wrap(module):
    """Replace a function of a module that was just imported."""
    path, step = WRAPPED[module.__name__]
    owner, _, name = path.rpartition(".")
    holder = getattr(module, owner) if owner else module
    setattr(holder, name, timed(step, getattr(holder, name)))
    if module.__name__ == "edgeopt.engines.highs":
        module.highspy.Highs.run = solver_starts


class Finder(importlib.abc.MetaPathFinder):
    """Lets the wrapped modules load as usual, and wraps their functions right after."""

    def find_spec(self, fullname, path, target=None):
        if fullname not in WRAPPED:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            sys.meta_path.insert(0, self)
        load = spec.loader.exec_module

        def execute(module):
            load(module)
            wrap(module)

        spec.loader.exec_module = execute
        return spec


sys.meta_path.insert(0, Finder())
builtins.__import__ = timed_import(builtins.__import__)
importlib.import_module = timed_import(importlib.import_module)
_, INSTANCE, METHOD, BEGAN = sys.argv
sys.argv = ["edgeopt", "solve", INSTANCE, "--method", METHOD, "--quiet"]
from edgeopt_start import main  # noqa: E402

main()

"""The baseline without sharing, for individual deadlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeopt.loading.individual.arrays import compile_arrays
from edgeopt.loading.individual.exact import Run
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.modes import Mode, implementation
from edgeopt.loading.nobody import serve_nobody
from edgeopt.method import Options, Outcome
from edgeopt.solution import Stopped

DEFAULT_WALKS = 5_000  # when neither time nor iterations are limited


@implementation("no-sharing", Mode.INDIVIDUAL_DEADLINES)
def solve_without_sharing(instance: LoadingInstance, options: Options) -> Outcome:
    """Serve the most users when each switch loads the whole model: local search, and its proof by walks."""
    arrays = compile_arrays(instance)
    if not arrays.user_names:
        return serve_nobody(instance)
    whole = np.tile(arrays.switch_s[-1], (len(arrays.model_names) + 1, 1))
    whole[np.diag_indices(len(arrays.model_names))] = 0.0
    part = options.part(options.remaining_s())
    part.iteration_limit = options.iteration_limit
    if options.time_limit is None and options.iteration_limit is None:
        part.iteration_limit = DEFAULT_WALKS
    run = Run(replace(arrays, switch_s=whole), part)
    run.search_and_walk()
    options.report(run.users)
    proof = "the most" if run.bound == run.users else f"at most {run.bound}"
    return Outcome(
        arrays.plan(run.best),
        stopped=options.stop_reason() or Stopped.FINISHED,
        message=f"chosen as if each switch loaded the whole model ({proof} then); no bound on the optimum with sharing",
    )

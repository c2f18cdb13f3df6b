"""The meaning of each column of the frame that `read_results` gives."""

from __future__ import annotations

from typing import Final

COLUMNS: Final[dict[str, str]] = {
    "run": "number of the run in this file",
    "problem": "problem of the instance",
    "measure": "what the objective counts, such as `users` or, with weights, `weight`",
    "unit": "unit of the objective, empty where it has none",
    "instance": "name of the instance",
    "instance_sha256": "hash of the instance's content",
    "method": "method as requested",
    "method_used": "method that ran; it differs from the requested one for `auto`",
    "seed": "seed of the run",
    "status": "`optimal`, `feasible`, `infeasible` or `unknown` as in a solution; `refused`: the method does not "
    "apply; `failed`: it raised an error, died or was ended from outside; `pending`: asked for and not finished",
    "stopped": "as in a solution, or `hard_limit`: the run ignored its time limit, or its set-up did not end, and it "
    "was ended from outside",
    "objective": "the checker's value of the plan",
    "bound": "the certified bound",
    "wall_s": "the solution's `runtime_s`; of a process that died the seconds since it was ready",
    "setup_s": "seconds before: importing the method, compiling or loading its kernels",
    "cpu_s": "CPU seconds of the same call, of all threads and child processes; none of a process that died",
    "peak_bytes": "largest resident memory of the process",
    "begun_at": "time of the start, UTC",
    "machine": "the machine in words",
    "versions": "JSON object: versions of the packages that matter",
    "message": "what the method says",
    "error": "why there is no solution",
    "options": "JSON object: the limits of the run",
    "time_limit_s": "limit of the run in seconds",
    "iteration_limit": "limit of the run in iterations",
    "gap_limit": "relative gap at which the proof could stop",
    "threads": "threads of the run",
    "best_found": "best objective of all runs of the instance in this file",
    "best_bound": "tightest bound of all runs of the instance in this file",
    "contradicted": "whether a run's bound crosses the objective of another of the instance: a fault of the program",
    "optimum": "the optimum, where a run proved it or best found and best bound meet",
    "best_known": "best known objective, from a file of best known values",
    "gap": "|objective - bound| / |objective|, to the run's own bound",
    "gap_to_best_bound": "|objective - best_bound| / |objective|",
    "gap_to_best_found": "|objective - best_found| / |best_found|",
    "gap_to_optimum": "|objective - optimum| / |optimum|",
    "gap_to_best_known": "distance to `best_known` / |best_known|; negative: the run found something better",
}

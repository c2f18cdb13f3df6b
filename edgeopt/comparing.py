"""compare: several methods on one instance, or on several with several seeds, in one process or in many."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from edgeopt.comparison import Comparison, comparison_summary
from edgeopt.errors import UsageError
from edgeopt.instance import Instance, as_instance
from edgeopt.interrupts import interruptible
from edgeopt.layout import aligned
from edgeopt.quantities import NOTHING, percent, quantity
from edgeopt.run_options import available_cores
from edgeopt.solution import relative_gap
from edgeopt.solving import MethodChoice, compare_one, fitting_methods, warm_up
from edgeopt.variations import Value, Variation, table_value

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pandas as pd
    from matplotlib.figure import Figure

Case = Instance | str | Path | Variation


@dataclass(frozen=True)
class Compared:
    """Methods compared on one instance with one seed.

    Attributes
    ----------
    values : dict of str to number or str
        What is varied, by key.
    seed : int
    comparison : Comparison
    """

    values: Mapping[str, Value]
    seed: int
    comparison: Comparison


@dataclass(repr=False)
class Comparisons:
    """Several methods on several instances, with several seeds.

    Attributes
    ----------
    cases : list of Compared
    interrupted : bool
        Ctrl-C ended it; cases may be missing.
    """

    cases: list[Compared] = field(default_factory=list)
    interrupted: bool = False

    def records(self) -> list[dict[str, Any]]:
        """Return a plain record for each method, instance and seed; what is varied comes first."""
        records = []
        for case in self.cases:
            comparison = case.comparison
            instance = comparison.instance
            known: dict[str, Any] = {"problem": instance.problem, "instance": instance.name}
            known |= {"measure": instance.conventions.objective, "unit": instance.conventions.unit}
            known |= {"instance_sha256": instance.sha256, "seed": case.seed}
            values = {
                f"drawn_{key}" if key in known and known[key] != value else key: table_value(value)
                for key, value in case.values.items()
            }
            for record in comparison.records():
                best = {"best_found": comparison.best_objective, "best_bound": comparison.best_bound}
                records.append({**values, **known, **record, "optimum": comparison.optimum, **best})
        return records

    def to_frame(self, **facts: Callable[[Any], Any]) -> pd.DataFrame:
        """Return the records as a table, as `edgeopt.experiments.plot_study` takes it.

        Parameters
        ----------
        **facts
            Further columns: functions of the instance, such as ``users=lambda instance: len(instance.users)``.
        """
        import pandas as pd

        frame = pd.DataFrame(self.records())
        instances = {case.comparison.instance.sha256: case.comparison.instance for case in self.cases}
        for name, fact in facts.items():
            found = {key: fact(instance) for key, instance in instances.items()}
            frame[name] = [found[key] for key in frame["instance_sha256"]] if len(frame) else []
        return frame

    def gaps(self) -> dict[str, list[float | None]]:
        """Return, by method, the gaps to what all methods together prove best, None where there is no plan."""
        gaps: dict[str, list[float | None]] = {}
        for case in self.cases:
            comparison = case.comparison
            best = comparison.best_objective if comparison.optimum is None else comparison.optimum
            for row in comparison.rows:
                objective = None if row.solution is None else row.solution.objective
                gaps.setdefault(row.method, []).append(relative_gap(best, objective))
        return gaps

    def plot(self, ax: Any = None) -> Figure:
        """Draw the gap of each method to the best found, a dot for each instance and seed, and their means."""
        from edgeopt.drawing.comparisons import plot_gaps

        return plot_gaps(self.gaps(), ax)

    def __str__(self) -> str:
        headings = ["method", "runs", "with plan", "optimal", "mean gap", "worst gap", "mean time"]
        lines = []
        for method, gaps in self.gaps().items():
            rows = [row for case in self.cases for row in case.comparison.rows if row.method == method]
            solutions = [row.solution for row in rows if row.solution is not None]
            known = [gap for gap in gaps if gap is not None]
            seconds = [solution.runtime_s for solution in solutions]
            lines.append(
                [
                    method,
                    str(len(rows)),
                    str(sum(solution.objective is not None for solution in solutions)),
                    str(sum(solution.status == "optimal" for solution in solutions)),
                    percent(sum(known) / len(known)) if known else NOTHING,
                    percent(max(known)) if known else NOTHING,
                    quantity(sum(seconds) / len(seconds), "s") if seconds else NOTHING,
                ]
            )
        proved = sum(case.comparison.optimum is not None for case in self.cases)
        note = f"{len(self.cases)} instances and seeds, optimum proven of {proved}; gaps are to the best found"
        contradictions = [
            comparison_summary(case.comparison) for case in self.cases if case.comparison.contradiction is not None
        ]
        return "\n".join([*aligned(headings, lines, range(1, 7)), note, *contradictions])

    def __repr__(self) -> str:
        return f"Comparisons(cases=<{len(self.cases)}>)"


@overload
def compare(
    instances: Instance | str | Path, methods: Iterable[MethodChoice] | None = None, **options: Any
) -> Comparison: ...


@overload
def compare(
    instances: Iterable[Case],
    methods: Iterable[MethodChoice] | None = None,
    *,
    seeds: Sequence[int] | None = None,
    workers: int | None = None,
    **options: Any,
) -> Comparisons: ...


def compare(
    instances: Any,
    methods: Iterable[MethodChoice] | None = None,
    *,
    seeds: Sequence[int] | None = None,
    workers: int | None = None,
    on_case: Callable[[Compared], None] | None = None,
    **options: Any,
) -> Comparison | Comparisons:
    """Run several methods within the same limits, and compare them with the proven optimum.

    Parameters
    ----------
    instances : Instance, path, or iterable
        One instance or its file, or several: instances, files, or variations (see `edgeopt.varied` and
        `edgeopt.drawn`), whose values become columns of the table.
    methods : iterable of str or callable, optional
        Default: every registered method that fits the instance.
    seeds : list of int, optional
        Each instance is compared with each seed. Default: the seed of the options, or that with which a variation was
        drawn.
    workers : int, optional
        Comparisons at a time, each in a process of its own; by default one after another, here. Several share the cores
        as threads.
    on_case : callable, optional
        Of several instances or seeds: called with each `Compared` as soon as it is there.
    **options
        See `solve`; the limits hold for each method. Of one instance also ``on_row``, which is called with each
        `ComparisonRow` as soon as it is there.

    Returns
    -------
    Comparison or Comparisons
        Comparisons where several instances, seeds, or workers are given.

    Raises
    ------
    UsageError
        A method or an option is not valid.
    """
    chosen = None if methods is None else methods if isinstance(methods, str) else list(methods)
    single = isinstance(instances, Instance | str | Path | Mapping) or not isinstance(instances, Iterable)
    if single and seeds is None and workers is None:
        return compare_one(instances, chosen, **options)
    if isinstance(chosen, str):
        raise UsageError(f"methods is a list of names: [{chosen!r}]")
    cases = list(_cases(instances, seeds, options.pop("seed", 0)))
    if not cases:
        raise UsageError("an instance, or the path of its file, is needed, not an empty list")
    if workers is None:
        return _here(cases, chosen, on_case, options)
    if isinstance(workers, bool) or not isinstance(workers, Integral) or workers < 1:
        raise UsageError(f"workers must be a whole number of at least 1, not {workers!r}")
    return _in_processes(cases, chosen, on_case, options, int(workers))


def _cases(instances: Any, seeds: Sequence[int] | None, seed: int) -> Iterator[tuple[dict[str, Value], Instance, int]]:
    single = isinstance(instances, Instance | str | Path | Variation | Mapping) or not isinstance(instances, Iterable)
    several = [instances] if single else instances
    for case in several:
        values, given = case if isinstance(case, Variation) else ({}, case)
        instance = as_instance(given)
        drawn = values.get("seed", seed)
        for number in [drawn] if seeds is None else seeds:
            yield dict(values), instance, int(number)


def _here(
    cases: list[tuple[dict[str, Value], Instance, int]],
    methods: list[MethodChoice] | None,
    on_case: Callable[[Compared], None] | None,
    options: dict[str, Any],
) -> Comparisons:
    result = Comparisons()
    for values, instance, seed in cases:
        compared = Compared(values, seed, compare_one(instance, methods, seed=seed, **options))
        result.cases.append(compared)
        if on_case is not None:
            on_case(compared)
        if compared.comparison.interrupted:
            result.interrupted = True
            break
    return result


def _in_processes(
    cases: list[tuple[dict[str, Value], Instance, int]],
    methods: list[MethodChoice] | None,
    on_case: Callable[[Compared], None] | None,
    options: dict[str, Any],
    workers: int,
) -> Comparisons:
    """Make the comparisons side by side; Ctrl-C reaches all processes, whose methods end with their best plans."""
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    _require_portable(methods)
    if options.get("threads") is None:
        options["threads"] = max(1, available_cores() // workers)
    for _, instance, _ in cases:
        warm_up(instance, fitting_methods(instance) if methods is None else methods, options)
    interrupt, found = threading.Event(), dict[int, Compared]()
    with interruptible(interrupt), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[Comparison], int] = {
            pool.submit(compare_one, instance, methods, seed=seed, **options): number
            for number, (_, instance, seed) in enumerate(cases)
        }
        while waiting:
            done, _ = wait(waiting, 0.5, FIRST_COMPLETED)
            for future in done:
                number = waiting.pop(future)
                if future.cancelled():
                    continue
                values, _, seed = cases[number]
                found[number] = Compared(values, seed, future.result())
                if on_case is not None:
                    on_case(found[number])
            if interrupt.is_set():
                for future in waiting:
                    future.cancel()
    return Comparisons([found[number] for number in sorted(found)], interrupt.is_set())


def _require_portable(methods: list[MethodChoice] | None) -> None:
    for method in methods or ():
        try:
            pickle.dumps(method)
        except Exception as error:
            name = getattr(method, "__name__", repr(method))
            remedy = "define it in a module that other processes can import, or leave workers out"
            raise UsageError(f"the function {name!r} cannot go to another process: {error} ({remedy})") from None

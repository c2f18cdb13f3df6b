"""Policies side by side on the same stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeopt.errors import ProgramError, UsageError
from edgeopt.instance import read
from edgeopt.layout import aligned
from edgeopt.loading.checker import check
from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.policies.named import POLICIES, PRICED, policies_of
from edgeopt.loading.policies.plans import plan_of
from edgeopt.loading.policies.policy import Policy
from edgeopt.loading.policies.prices import Prices
from edgeopt.loading.policies.simulation import Simulation
from edgeopt.loading.workload import Workload, compile_workload
from edgeopt.quantities import NOTHING, Number, number, percent, quantity
from edgeopt.solution import Plan, Solution, Status, Stopped, relative_gap

if TYPE_CHECKING:
    import pandas as pd

WAITING = {"waiting_p50_s": 0.5, "waiting_p95_s": 0.95, "waiting_p99_s": 0.99}
HEADINGS = ["policy", "share", "served", "p50", "p95", "p99", "loading", "computing", "idle", "regret", "gap"]
HEADINGS += ["decision"]
Maker = Callable[[], Policy]
Policies = str | Maker | Sequence[str | Maker] | Mapping[str, Maker]


@dataclass(frozen=True)
class Replay:
    """What a policy did with a stream.

    Attributes
    ----------
    policy : str
    plan : dict
        It states when each batch started; the checker has accepted it.
    served : int
    served_share : float
        Part of all requests.
    worth : int or float
        Weight of the served; without weights their number.
    waiting_s : dict of str to float
        Median, 95 % and 99 % quantile of the seconds from arrival to answer of the served, NaN if nobody is.
    loading_s, computing_s, idle_s : float
        What the GPU did until the end of the last batch. What is loaded while it computes counts as computing.
    batches : int
    decision_p50_s, decision_p99_s : float
        Seconds of a decision, with what the policy is shown; NaN where there was none.
    """

    policy: str
    plan: Plan
    served: int
    served_share: float
    worth: Number
    waiting_s: dict[str, float]
    loading_s: float
    computing_s: float
    idle_s: float
    batches: int
    decision_p50_s: float
    decision_p99_s: float


@dataclass(frozen=True)
class Study:
    """Replays of policies on one stream.

    Attributes
    ----------
    instance : LoadingInstance
    replays : list of Replay
        In the order in which the policies were named.
    best_known : int or float
        Users served by the best plan known, with weights their weight: of these policies, or of a solution that was
        given.
    bound : int or float or None
        Proven bound on what any plan serves, where one was given.
    """

    instance: LoadingInstance
    replays: list[Replay]
    best_known: Number
    bound: float | None

    def records(self) -> list[dict[str, Any]]:
        """Return a row for each policy, the most worth first, as plain data; None where there is no figure.

        Without weights that is most served first.
        """
        rows = []
        everybody = self.instance.worth(self.instance.users)
        for replay in sorted(self.replays, key=lambda replay: -replay.worth):
            weights = {"weight": replay.worth, "weight_share": replay.worth / everybody if everybody else 0.0}
            rows.append(
                {
                    "policy": replay.policy,
                    "served_share": replay.served_share,
                    "served": replay.served,
                    **(weights if self.instance.weighted else {}),
                    **{key: _known(value) for key, value in replay.waiting_s.items()},
                    "loading_s": replay.loading_s,
                    "computing_s": replay.computing_s,
                    "idle_s": replay.idle_s,
                    "batches": replay.batches,
                    "regret": 1 - replay.worth / self.best_known if self.best_known else 0.0,
                    "gap": relative_gap(replay.worth, self.bound),
                    "decision_p50_s": _known(replay.decision_p50_s),
                    "decision_p99_s": _known(replay.decision_p99_s),
                }
            )
        return rows

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each policy, most served first."""
        import pandas as pd

        return pd.DataFrame(self.records()).set_index("policy")

    @property
    def headings(self) -> list[str]:
        """The headings of `cells`; with weights two more."""
        place = HEADINGS.index("served") + 1
        return [*HEADINGS[:place], *(("weight", "weight share") if self.instance.weighted else ()), *HEADINGS[place:]]

    def cells(self) -> list[list[str]]:
        """Return the table as text, a row for each policy under `headings`."""
        rows = []
        for record in self.records():
            seconds = [record[key] for key in (*WAITING, "loading_s", "computing_s", "idle_s")]
            rows.append(
                [
                    record["policy"],
                    f"{record['served_share']:.1%}",
                    str(record["served"]),
                    *([number(record["weight"]), f"{record['weight_share']:.1%}"] if self.instance.weighted else []),
                    *(_seconds(value) for value in seconds),
                    f"{record['regret']:.1%}",
                    percent(record["gap"]),
                    _seconds(record["decision_p50_s"]),
                ]
            )
        return rows

    def __str__(self) -> str:
        known = f"best known plan {number(self.best_known)}"
        known += f", bound {self.bound:g}" if self.bound is not None else ""
        head = f"{self.instance.name}: {len(self.instance.users)} requests, {known}"
        shown = [place for place, name in enumerate(self.headings) if name != "gap" or self.bound is not None]
        rows = [[cells[place] for place in shown] for cells in (self.headings, *self.cells())]
        return "\n".join([head, "", *aligned(rows[0], rows[1:], right=range(1, len(shown)))])

    def solutions(self) -> dict[str, Solution]:
        """Return the plans as solutions, by policy."""
        return {replay.policy: self._solution(replay) for replay in self.replays}

    def _solution(self, replay: Replay) -> Solution:
        report = check(self.instance, replay.plan)
        solution = Solution(
            problem=self.instance.problem,
            instance=self.instance.name,
            instance_sha256=self.instance.sha256,
            method=replay.policy,
            status=Status.FEASIBLE,
            stopped=Stopped.FINISHED,
            objective=report.objective,
            bound=self.bound,
            gap=relative_gap(report.objective, self.bound),
            runtime_s=0.0,
            seed=0,
            threads=1,
            metrics=report.metrics,
            unit="" if self.instance.weighted else None,
            plan=replay.plan,
        )
        return solution.of(self.instance)


def _known(value: float) -> float | None:
    return None if value != value else value


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else quantity(value, "s")


def replay(
    stream: LoadingInstance | str | Path,
    policies: Policies | None = None,
    *,
    known: Solution | None = None,
    prices: Prices | None = None,
    on_time: Callable[[str, float], None] = lambda policy, part: None,
) -> Study:
    """Serve a stream as policies say, each on its own.

    Parameters
    ----------
    stream : LoadingInstance or path
        Uploads overlap the service.
    policies : str, callable, a sequence of these, or mapping of str to callable, optional
        Names, and makers of policies such as their classes, which give them their names; or makers by the names that
        the policies shall have. By default all of edgeopt's own.
    known : Solution, optional
        A solution of the stream, to whose plan and bound the policies are compared.
    prices : Prices, optional
        For the policy ``"priced"``; see `edgeopt.loading.policies.priced.learn_prices`.
    on_time : callable, optional
        Told the policy and which part of the stream's time is over, now and then.

    Returns
    -------
    Study
        Of the policies that are done, if the replay is interrupted after the first.

    Raises
    ------
    UsageError
        A policy is not known or answers what cannot be done, or the instance is no stream.
    """
    instance = _stream(stream)
    if known is not None:
        known = known.of(instance)
    makers = _makers(policies, prices)
    work = compile_workload(instance)
    end_s = max(instance.deadlines(), default=0.0) or 1.0
    replays: list[Replay] = []
    try:
        for name, made in makers.items():
            best: Simulation | None = None
            for policy in made():
                simulation = Simulation(work, policy.shares)

                def go_on(now_s: float, name: str = name) -> bool:
                    on_time(name, min(1.0, now_s / end_s))
                    return True

                simulation.run(policy, go_on)
                if best is None or simulation.worth > best.worth:
                    best = simulation
            assert best is not None
            replays.append(_replay(name, work, best))
    except KeyboardInterrupt:
        if not replays:
            raise
    worth = [each.worth for each in replays]
    if known is not None and known.objective is not None:
        worth.append(known.objective)
    return Study(instance, replays, max(worth, default=0), None if known is None else known.bound)


def _stream(stream: LoadingInstance | str | Path) -> LoadingInstance:
    instance = read(stream) if isinstance(stream, str | Path) else stream
    if not isinstance(instance, LoadingInstance):
        raise UsageError(f"{instance.name!r} is an instance of {instance.problem}; policies are for streams of loading")
    if instance.upload == "phase":
        raise UsageError(f"in {instance.name!r} all uploads come first; policies need one with overlapped uploads")
    return instance


def _makers(policies: Policies | None, prices: Prices | None) -> dict[str, Callable[[], list[Policy]]]:
    if policies is None:
        policies = [*POLICIES, PRICED] if prices is not None else list(POLICIES)
    if isinstance(policies, Mapping):
        return {name: partial(_only, make) for name, make in policies.items()}
    makers: dict[str, Callable[[], list[Policy]]] = {}
    for policy in [policies] if isinstance(policies, str) or not isinstance(policies, Iterable) else policies:
        if isinstance(policy, str):
            policies_of(policy, prices)
            makers[policy] = partial(policies_of, policy, prices)
        elif callable(policy) and hasattr(policy, "__name__"):
            makers[policy.__name__] = partial(_only, policy)
        else:
            problem = f"a policy is {policy!r}; it should be a name or a class"
            raise UsageError(f"{problem}, or be given by its name as in {{'mine': make}}")
    return makers


def _only(make: Maker) -> list[Policy]:
    return [make()]


def _replay(name: str, work: Workload, simulation: Simulation) -> Replay:
    """Check what a policy did, and measure it."""
    instance, steps, plan = work.instance, simulation.steps, plan_of(simulation)
    report = check(instance, plan)
    if report.violations or report.objective != simulation.worth:
        raise ProgramError(f"the plan of the policy {name!r} fails the check: {report.violations[:3]}")
    arrival = simulation.queues.arrival_s
    waits = np.array([step.end_s - arrival[user] for step in steps for user in step.users])
    loading = sum(step.start_s - step.free_s for step in steps)
    computing = sum(step.end_s - step.start_s for step in steps)
    ends = [0.0, *(step.end_s for step in steps)]
    idle = sum(step.free_s - end for step, end in zip(steps, ends[:-1], strict=True))
    decisions = np.array(simulation.decision_s)
    return Replay(
        policy=name,
        plan=plan,
        served=simulation.served,
        served_share=simulation.served / len(instance.users) if instance.users else 0.0,
        worth=simulation.worth,
        waiting_s={key: _quantile(waits, part) for key, part in WAITING.items()},
        loading_s=loading,
        computing_s=computing,
        idle_s=idle,
        batches=len(steps),
        decision_p50_s=_quantile(decisions, 0.5),
        decision_p99_s=_quantile(decisions, 0.99),
    )


def _quantile(values: NDArray[np.float64], part: float) -> float:
    """Return the least value that so many of the values, a part of them, do not exceed; NaN of none."""
    return float(np.sort(values)[ceil(part * len(values)) - 1]) if len(values) else float("nan")

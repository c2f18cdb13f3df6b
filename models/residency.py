"""Residency: what a GPU keeps between requests, an interval packing with unequal sizes.

Sets and data

    t           visits: requests in a row for one model count once                          VISITS
    r_t         bytes that the model of visit t leaves of the GPU's memory M                room
    j           intervals: a block of b_j bytes between two visits in a row that need it    INTERVALS, b
    F_j, E_j    the first visit between them, and the one that needs the block again        first, end
    s_j         seconds of loading that keeping interval j saves                            s
    T, f_t      visits that save f_t seconds more if all of J_t, intervals that end there, are kept
                                                                                            JOINT, f, J
    S           seconds of loading when nothing is kept                                     S

Decisions

    x_j = 1     interval j is kept
    z_t = 1     all intervals of J_t are kept

Objective and constraints

    minimise    S - sum s_j x_j - sum f_t z_t                                               loading
    subject to  sum_{j: F_j <= t < E_j} b_j x_j <= r_t                                      room
                z_t <= x_j                                  j in J_t                        together
                x binary; z takes on integrality

A row of `room` is left out where everything fits. For whole models of one size the rows say how many are kept, their
matrix has consecutive ones, and the relaxation is a flow in time; with unequal sizes it is a flow of bytes. Bytes are
fractions of M. Visits and intervals are the numbers of `edgeopt.residency.arrays.Intervals`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo

from edgeopt.residency.arrays import Intervals
from edgeopt.residency.instance import ResidencyInstance
from edgeopt.solution import Plan

PLAN_ROWS = ("room",)  # without them values are no plan


def formulate(instance: ResidencyInstance | Intervals) -> pyo.ConcreteModel:
    """State the problem of the least seconds of loading.

    Parameters
    ----------
    instance : ResidencyInstance or Intervals

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``x[interval]`` and ``z[visit]`` by number; ``intervals`` has the arrays.
    """
    intervals = instance if isinstance(instance, Intervals) else Intervals(instance)
    m = pyo.ConcreteModel(name=intervals.instance.name)
    m.instance, m.intervals, m.data = intervals.instance, intervals, _data(intervals)
    data: Data = m.data
    m.VISITS = pyo.RangeSet(0, len(data.room) - 1, doc="t: visits")
    m.INTERVALS = pyo.RangeSet(0, len(data.b) - 1, doc="j: intervals that take room")
    m.JOINT = pyo.Set(initialize=list(data.J), doc="t: visits that save more when all their intervals are kept")
    m.TOGETHER = pyo.Set(initialize=[(t, j) for t in data.J for j in data.J[t]], dimen=2, doc="(t, j): j in J_t")
    m.x = pyo.Var(m.INTERVALS, domain=pyo.Binary, doc="1 if interval j is kept")
    m.z = pyo.Var(m.JOINT, bounds=(0, 1), doc="1 if all intervals of J_t are kept")
    m.room = pyo.Constraint(m.VISITS, rule=_room, doc="what is kept fits beside the visit's model; fractions of M")
    m.together = pyo.Constraint(m.TOGETHER, rule=_together, doc="a joint saving needs all of its intervals; 0 or 1")
    m.loading = pyo.Objective(expr=_loading(m), sense=pyo.minimize, doc="seconds of loading")
    return m


def read_plan(m: pyo.ConcreteModel) -> Plan:
    """Make the plan of the formulation's values."""
    kept = np.array([(pyo.value(x, exception=False) or 0) > 0.5 for x in m.x.values()], np.bool_)
    plan: Plan = m.intervals.plan(kept)
    return plan


class Data(NamedTuple):
    """The symbols of the module's docstring; sizes and room as fractions of the memory."""

    room: list[float]
    b: list[float]
    spanning: list[list[int]]  # the intervals that take room at the visit
    s: list[float]
    f: dict[int, float]
    J: dict[int, list[int]]
    S: float


def _data(intervals: Intervals) -> Data:
    """Make the symbols."""
    memory = max(1, intervals.instance.memory_bytes)
    spanning: list[list[int]] = [[] for _ in intervals.visits]
    for j, (first, end) in enumerate(zip(intervals.first.tolist(), intervals.end.tolist(), strict=True)):
        for t in range(first, end):
            spanning[t].append(j)
    return Data(
        room=(intervals.room / memory).tolist(),
        b=(intervals.bytes / memory).tolist(),
        spanning=spanning,
        s=intervals.saving.tolist(),
        f=intervals.joint_saving,
        J={t: members.tolist() for t, members in intervals.joint.items()},
        S=intervals.all_loaded_s,
    )


def _loading(m: pyo.ConcreteModel) -> Any:
    """Seconds of all loads, less what keeping saves."""
    data: Data = m.data
    alone = pyo.quicksum(data.s[j] * m.x[j] for j in m.INTERVALS)
    return data.S - alone - pyo.quicksum(data.f[t] * m.z[t] for t in m.JOINT)


def _room(m: pyo.ConcreteModel, t: int) -> Any:
    """What is kept over a visit fits beside its model."""
    data: Data = m.data
    kept = data.spanning[t]
    if sum(m.intervals.bytes[kept].tolist()) <= m.intervals.room[t]:
        return pyo.Constraint.Skip
    return pyo.quicksum(data.b[j] * m.x[j] for j in kept) <= data.room[t]


def _together(m: pyo.ConcreteModel, t: int, j: int) -> Any:
    """A joint saving needs each of its intervals."""
    return m.z[t] <= m.x[j]

"""Bounds that no beamformer can beat: on amplitudes, and tables whose delays nothing undercuts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.bound_tables import BoundTables
from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.rates import OTHER_NODES, SINGLE_NODES, RateTable, ceiling_table, find_units
from edgeopt.caching.reach import FULL_TABLE_NODES
from edgeopt.caching.tables import DelayTables
from edgeopt.run import Run

Floats = NDArray[np.float64]


def amplitude_bounds(tables: DelayTables) -> Floats:
    """Return upper bounds on the amplitude of each audience and set, shape (audiences, 2**nodes), for any beams."""
    audiences = tables.requests.audiences
    units = find_units(tables.reach, audiences, FULL_TABLE_NODES, SINGLE_NODES, OTHER_NODES)
    return ceiling_table(tables.channels, audiences, units, tables.run).amplitudes


def universal(instance: CachingInstance, run: Run) -> DelayTables:
    """Return tables whose delays no nodes and no beams whatever undercut."""
    if len(instance.nodes) > FULL_TABLE_NODES:
        return BoundTables(instance, run)
    tables = DelayTables(instance, run)
    return with_amplitudes(tables, amplitude_bounds(tables))


def with_amplitudes(tables: DelayTables, amplitudes: Floats) -> DelayTables:
    """Return the tables with these amplitudes of all sets of nodes, reached by nobody in particular."""
    count, sets = amplitudes.shape
    units = np.tile(1 << np.arange(len(tables.node_names)), (count, 1))
    senders = np.tile(np.arange(sets), (count, 1))
    bandwidth = tables.instance.radio.bandwidth_hz
    return tables.with_rates(RateTable(tables.requests.audiences, units, amplitudes, bandwidth, senders, True))

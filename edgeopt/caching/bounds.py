"""What no beamformer can beat: upper bounds on amplitudes, and which rates they certify."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.instance import CachingInstance
from edgeopt.caching.rates import FULL_TABLE_NODES, OTHER_NODES, SINGLE_NODES, RateTable, ceiling_table, find_units
from edgeopt.caching.tables import Tables
from edgeopt.caching.wide import WideTables
from edgeopt.method import Options

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CERTIFIED = 1e-6  # relative distance to the bound at which a rate counts as the best possible


def amplitude_bounds(tables: Tables) -> Floats:
    """Upper bounds on the amplitude of each audience and set of nodes, shape (audiences, 2**nodes), for any beams."""
    audiences = tables.requests.audiences
    units = find_units(tables.reach, audiences, FULL_TABLE_NODES, SINGLE_NODES, OTHER_NODES)
    return ceiling_table(tables.channels, audiences, units, tables.options).amplitudes


def universal(instance: CachingInstance, options: Options) -> Tables:
    """Tables whose delays no nodes and no beams whatever undercut."""
    if not spans_all_nodes(instance):
        return WideTables(instance, options)
    tables = Tables(instance, options)
    return with_amplitudes(tables, amplitude_bounds(tables))


def with_amplitudes(tables: Tables, amplitudes: Floats) -> Tables:
    """The tables with these amplitudes of all sets of nodes, reached by nobody in particular."""
    count, sets = amplitudes.shape
    units = np.tile(1 << np.arange(len(tables.node_names)), (count, 1))
    senders = np.tile(np.arange(sets), (count, 1))
    bandwidth = tables.instance.radio.bandwidth_hz
    return tables.with_rates(RateTable(tables.requests.audiences, units, amplitudes, bandwidth, senders, True))


def certified(amplitudes: Floats, bounds: Floats) -> NDArray[np.bool_]:
    """Which amplitudes are as high as any beamformer's."""
    return amplitudes >= (1 - CERTIFIED) * bounds


def standing(tables: Tables) -> str:
    """Say for what a bound holds: for the problem itself, or for the rates of the table."""
    if tables.wide:
        return "The bound holds for the problem itself: for any nodes and any beams"
    if not spans_all_nodes(tables.instance):
        return "The bound holds for these beams, from the strongest nodes of each audience"
    flags = certified(tables.rates.amplitudes, amplitude_bounds(tables))[:, 1:]
    if flags.all():
        return "The bound holds for the problem itself: every rate is certified as the best possible"
    return f"The bound holds for the rates of these beams, of which {int(flags.sum())} of {flags.size} are certified"


def never_ends(tables: Tables) -> tuple[str, bool] | None:
    """Name a block that reaches its users under no caching, and whether that is proven for any beamformer.

    Even when all nodes cache the block, the rate of the whole set to one of its audiences is zero.
    """
    silent = np.flatnonzero(tables.whole_amplitudes() <= 0)
    if len(silent) == 0:
        return None
    reach, audiences = tables.reach, tables.requests.audiences
    audience = next((a for a in silent if reach[:, audiences[a]].sum(axis=0).min() <= 0), silent[0])
    users = [tables.instance.users[k] for k in audiences[audience]]
    group, scenario = next(
        (g, s) for g, row in enumerate(tables.requests.audience_of) for s, a in row.items() if a == audience
    )
    block = tables.requests.blocks[int(np.argmax(tables.requests.group == group))]
    heard = reach[:, audiences[audience]].sum(axis=0)
    what = f"Block {block!r} in scenario {scenario} never arrives: "
    if heard.min() <= 0:
        user = users[int(np.argmin(heard))]
        return f"{what}no node reaches user {user!r} beyond the channel error, whatever is cached", True
    return f"{what}no beams were found that reach {', '.join(map(repr, users))} together", False


def zeros_are_proven(tables: Tables) -> bool:
    """Whether infinite delays are the problem's own: every zero rate is zero for any beamformer."""
    if tables.wide:
        return True
    if not spans_all_nodes(tables.instance):
        return False
    return bool(((tables.rates.amplitudes > 0) | (amplitude_bounds(tables) <= 0)).all())


def spans_all_nodes(instance: CachingInstance) -> bool:
    """Whether every set of nodes has a rate of its own."""
    return len(instance.nodes) <= FULL_TABLE_NODES

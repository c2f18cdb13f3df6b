"""What no beamformer can beat: upper bounds on amplitudes, and which rates they certify."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeopt.caching.beamforming.channels import Beams, Channels, Pairs
from edgeopt.caching.rates import FULL_TABLE_NODES, RateTable
from edgeopt.caching.tables import Tables

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CERTIFIED = 1e-6  # relative distance to the bound at which a rate counts as the best possible


def silent(channels: Channels, pairs: Pairs) -> Beams:
    """No beams at all, for tables whose rates are bounds."""
    shape = (len(pairs), pairs.nodes.shape[1], channels.scaled.shape[2])
    return Beams(np.zeros(len(pairs)), np.zeros(shape, np.complex128))


def amplitude_bounds(tables: Tables) -> Floats:
    """Upper bounds on the amplitude of each audience and set, shape (audiences, 2**width), for any beamformer.

    The weakest user receives at most what it would receive alone: min over users of sum over nodes of
    (||h_nk|| - e_n)_+. It is reached by one user, by one node of one antenna, and by separable phases.
    """
    return _weakest(tables, tables.rates.units, np.zeros(len(tables.channels.reach())))


def universal_rates(tables: Tables) -> RateTable:
    """A table whose delays no nodes and no beams whatever undercut.

    Beyond full tables the last unit stands for all nodes that are no unit of their own; it waits for nothing, and
    helps every set. So a set S of any nodes takes no less time than its single-node units do with that help.
    """
    table = tables.rates
    units, helping = table.units, np.zeros((len(table.units), len(tables.node_names)))
    if not spans_all_nodes(tables):
        units = table.units.copy()
        units[:, -1] = 0
        single = np.bitwise_or.reduce(units, axis=1)
        helping = 1.0 - ((single[:, None] >> np.arange(len(tables.node_names))) & 1)
    rates = rates_of(tables, _weakest(tables, units, helping))
    return replace(table, units=units, rates=rates, complete=True)


def _weakest(tables: Tables, units: Integers, helping: Floats) -> Floats:
    """What the weakest user receives at most from each set of units and the helping nodes."""
    reach = tables.channels.reach()
    nodes = np.arange(len(reach))
    helping = np.broadcast_to(helping, (len(units), len(nodes)))
    sets = (np.arange(1 << units.shape[1])[:, None] >> np.arange(units.shape[1])) & 1
    bounds = np.empty((len(units), len(sets)))
    for row, users in enumerate(tables.rates.audiences):
        heard = reach[:, users]
        inside = ((units[row][:, None] >> nodes) & 1) @ heard
        bounds[row] = (sets @ inside + helping[row] @ heard).min(axis=1)
    return bounds


def rates_of(tables: Tables, amplitudes: Floats) -> Floats:
    """Rates in bit/s of amplitudes."""
    rates: Floats = tables.instance.radio.bandwidth_hz * np.log2(1 + amplitudes**2)
    return rates


def certified(table: RateTable, bounds: Floats) -> NDArray[np.bool_]:
    """Which rates are as high as any beamformer's, shape (audiences, 2**width)."""
    return table.rates >= (1 - CERTIFIED) * bounds


def standing(tables: Tables) -> str:
    """Say for what a bound over the table's rates holds: for the problem itself, or for these rates."""
    flags = certified(tables.rates, rates_of(tables, amplitude_bounds(tables)))[:, 1:]
    count, total = int(flags.sum()), flags.size
    if spans_all_nodes(tables):
        if count == total:
            return "The bound holds for the problem itself: every rate is certified as the best possible"
        return f"The bound holds for the rates of these beams, of which {count} of {total} are certified"
    return "The bound holds for all caches, at the rates of these beams from the strongest nodes of each audience"


def never_ends(tables: Tables) -> tuple[str, bool] | None:
    """Name a block that reaches its users under no caching, and whether that is proven for any beamformer.

    Even when all nodes cache the block, the rate of the whole set to one of its audiences is zero.
    """
    whole = tables.rates.rates[:, -1]
    silent = np.flatnonzero(whole <= 0)
    if len(silent) == 0:
        return None
    reach = tables.channels.reach()
    audience = next((a for a in silent if reach[:, tables.rates.audiences[a]].sum(axis=0).min() <= 0), silent[0])
    users = [tables.instance.users[k] for k in tables.rates.audiences[audience]]
    group, scenario = next(
        (g, s) for g, row in enumerate(tables.requests.audience_of) for s, a in row.items() if a == audience
    )
    block = tables.requests.blocks[int(np.argmax(tables.requests.group == group))]
    heard = reach[:, tables.rates.audiences[audience]].sum(axis=0)
    what = f"Block {block!r} in scenario {scenario} never arrives: "
    if heard.min() <= 0:
        user = users[int(np.argmin(heard))]
        return f"{what}no node reaches user {user!r} beyond the channel error, whatever is cached", True
    return f"{what}no beams were found that reach {', '.join(map(repr, users))} together", False


def zeros_are_proven(tables: Tables) -> bool:
    """Whether every zero rate of the table is zero for any beamformer: infinite delays are the problem's own."""
    return spans_all_nodes(tables) and bool(((tables.rates.rates > 0) | (amplitude_bounds(tables) <= 0)).all())


def spans_all_nodes(tables: Tables) -> bool:
    """Whether every set of nodes has a rate of its own."""
    return len(tables.node_names) <= FULL_TABLE_NODES

"""Compiled inner loops for separable instances: profits of a cache, knapsacks, greedy, and the dual."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from edgeopt.kernels import inner_kernel, kernel

Array = Any
CORE_CELLS = 20_000_000
SEARCH_NODES = 200_000
TIE = 1e-12  # relative


class Caches(NamedTuple):
    """Groups sorted by entry node, each of one item; savings against the cloud follow from node and site."""

    node_start: Array  # groups of node e: range(node_start[e], node_start[e + 1])
    node: Array  # (groups,): entry node
    item: Array
    count: Array
    bits: Array
    work: Array
    latency: Array  # (nodes, sites): seconds saved per request
    rate: Array  # (nodes, sites): seconds saved per bit
    speed: Array  # (sites,): seconds saved per operation
    site_start: Array  # nodes that gain at a site
    site_nodes: Array
    node_site_start: Array  # sites at which a node gains
    node_sites: Array
    item_start: Array  # groups by item
    item_groups: Array
    size: Array  # (items,)
    pull: Array  # (sites, items)
    room: Array  # (sites,)


@inner_kernel
def saving(c: Caches, group: int, site: int) -> float:
    """Return the seconds that a group saves at a site that holds its item."""
    node = c.node[group]
    return c.count[group] * c.latency[node, site] + c.bits[group] * c.rate[node, site] + c.work[group] * c.speed[site]


@inner_kernel
def best_elsewhere(c: Caches, held: Array, group: int, site: int) -> float:
    """Return the most that a group saves at other sites that hold its item."""
    node, item, best = c.node[group], c.item[group], 0.0
    for position in range(c.node_site_start[node], c.node_site_start[node + 1]):
        other = c.node_sites[position]
        if other != site and held[other, item]:
            best = max(best, saving(c, group, other))
    return best


@kernel
def clear(c: Caches, held: Array, best: Array, where: Array, site: int) -> None:
    """Take everything out of a site; its groups go to the next best."""
    held[site, :] = False
    for position in range(c.site_start[site], c.site_start[site + 1]):
        node = c.site_nodes[position]
        for group in range(c.node_start[node], c.node_start[node + 1]):
            if where[group] == site:
                best[group], where[group] = 0.0, -1
                for other_position in range(c.node_site_start[node], c.node_site_start[node + 1]):
                    other = c.node_sites[other_position]
                    if held[other, c.item[group]]:
                        value = saving(c, group, other)
                        if value > best[group]:
                            best[group], where[group] = value, other


@inner_kernel
def profits(c: Caches, best: Array, site: int, profit: Array) -> None:
    """Fill in what each item would save at a site beyond what its groups have."""
    for item in range(len(profit)):
        profit[item] = -c.pull[site, item]
    for position in range(c.site_start[site], c.site_start[site + 1]):
        node = c.site_nodes[position]
        for group in range(c.node_start[node], c.node_start[node + 1]):
            more = saving(c, group, site) - best[group]
            if more > 0:
                profit[c.item[group]] += more


@inner_kernel
def store(c: Caches, held: Array, best: Array, where: Array, site: int, chosen: Array) -> None:
    """Put items into a site and serve from it what gains."""
    for item in chosen:
        held[site, item] = True
    for position in range(c.site_start[site], c.site_start[site + 1]):
        node = c.site_nodes[position]
        for group in range(c.node_start[node], c.node_start[node + 1]):
            if held[site, c.item[group]]:
                value = saving(c, group, site)
                if value > best[group]:
                    best[group], where[group] = value, site


@inner_kernel(allocates=True)
def knapsack(profit: Array, size: Array, room: int) -> Array:
    """Return the items of most profit that fit: reduced by bounds, then dynamic programming or depth-first search.

    Exact, except that the search gives up after `SEARCH_NODES` nodes with the best selection so far.
    """
    free = np.flatnonzero((profit > 0) & (size == 0))
    items = np.flatnonzero((profit > 0) & (size > 0) & (size <= room))
    items = items[np.argsort(-profit[items] / size[items], kind="mergesort")]
    count = len(items)
    left, value, split = room, 0.0, 0
    while split < count and size[items[split]] <= left:
        left -= size[items[split]]
        value += profit[items[split]]
        split += 1
    if split == count:
        return np.concatenate((free, items))
    ratio = profit[items[split]] / size[items[split]]
    upper = value + left * ratio
    taken = np.zeros(count, np.bool_)
    taken[:split] = True
    rest, lower = left, value
    for index in range(split, count):
        if size[items[index]] <= rest:
            rest -= size[items[index]]
            lower += profit[items[index]]
            taken[index] = True
    loss = np.abs(profit[items] - size[items] * ratio)
    open_ = upper - loss > lower * (1 + TIE)
    core = np.flatnonzero(open_)
    fixed = np.flatnonzero(~open_[:split])
    core_room = room - int(size[items[fixed]].sum())
    base = float(profit[items[fixed]].sum())
    core_items = items[core]
    if len(core):
        unit = size[core_items[0]]
        for item in core_items:
            a, b = unit, size[item]
            while b:
                a, b = b, a % b
            unit = a
        if (core_room // unit + 1) * len(core) <= CORE_CELLS:
            picked, best = _by_capacity(profit[core_items], size[core_items] // unit, core_room // unit)
        else:
            picked, best = _by_search(profit[core_items], size[core_items], core_room, lower - base)
        if base + best > lower * (1 + TIE):
            taken[:] = False
            taken[fixed] = True
            taken[core[picked]] = True
    return np.concatenate((free, items[taken]))


@inner_kernel(allocates=True)
def _by_capacity(profit: Array, size: Array, room: int) -> tuple[Array, float]:
    """Solve a knapsack by dynamic programming over the capacity."""
    count = len(profit)
    value = np.zeros(room + 1)
    take = np.zeros((count, room + 1), np.bool_)
    for index in range(count):
        weight = size[index]
        for used in range(room, weight - 1, -1):
            with_it = value[used - weight] + profit[index]
            if with_it > value[used]:
                value[used] = with_it
                take[index, used] = True
    picked = np.zeros(count, np.bool_)
    used = room
    for index in range(count - 1, -1, -1):
        if take[index, used]:
            picked[index] = True
            used -= size[index]
    return picked, value[room]


@inner_kernel(allocates=True)
def _by_search(profit: Array, size: Array, room: int, least: float) -> tuple[Array, float]:
    """Solve a knapsack by depth-first search by decreasing ratio with the fractional bound."""
    count = len(profit)
    best, best_pick = least, np.zeros(count, np.bool_)
    pick = np.zeros(count, np.bool_)
    value, left, index, nodes = 0.0, room, 0, 0
    while nodes < SEARCH_NODES:
        nodes += 1
        bound, space = value, left
        position = index
        while position < count and size[position] <= space:
            bound += profit[position]
            space -= size[position]
            position += 1
        if position < count:
            bound += space * profit[position] / size[position]
        if bound > best * (1 + TIE):
            while index < count and size[index] <= left:
                pick[index] = True
                value += profit[index]
                left -= size[index]
                index += 1
            if index < count:
                index += 1
                if index < count:
                    continue
            if value > best:
                best = value
                best_pick[:] = pick
        back = count - 1 if index >= count else index - 1
        while back >= 0 and not pick[back]:
            back -= 1
        if back < 0:
            break
        pick[back] = False
        value -= profit[back]
        left += size[back]
        for later in range(back + 1, count):
            if pick[later]:
                pick[later] = False
                value -= profit[later]
                left += size[later]
        index = back + 1
    return best_pick, best


@kernel(allocates=True)
def refill(c: Caches, held: Array, best: Array, where: Array, site: int, factor: Array) -> None:
    """Fill a site anew, the others staying as they are: an exact knapsack of the profits times the factors."""
    clear(c, held, best, where, site)
    profit = np.empty(len(c.size))
    profits(c, best, site, profit)
    profit *= factor
    store(c, held, best, where, site, knapsack(profit, c.size, c.room[site]))


@kernel(allocates=True)
def refill_sites(c: Caches, held: Array, best: Array, where: Array, sites: Array, factors: Array) -> None:
    """Empty some sites, fill them one after another with noisy factors, and once more without."""
    for site in sites:
        clear(c, held, best, where, site)
    for index in range(len(sites)):
        refill(c, held, best, where, sites[index], factors[index])
    ones = np.ones(len(c.size))
    for site in sites:
        refill(c, held, best, where, site, ones)


@inner_kernel
def gain_of(c: Caches, best: Array, site: int, item: int) -> float:
    """Return what one item would save at a site beyond what its groups have."""
    total = -c.pull[site, item]
    for position in range(c.item_start[item], c.item_start[item + 1]):
        group = c.item_groups[position]
        if np.isfinite(c.latency[c.node[group], site]):
            more = saving(c, group, site) - best[group]
            if more > 0:
                total += more
    return total


@kernel(allocates=True)
def lazy_greedy(c: Caches, held: Array, best: Array, where: Array, alpha: float) -> None:
    """Store the item of most gain / size ** alpha, again and again; gains only fall, so old ones are upper bounds."""
    sites, items = held.shape
    left = c.room.copy()
    profit = np.empty(items)
    heap = [(0.0, 0, 0)]
    heap.pop()
    for site in range(sites):
        profits(c, best, site, profit)
        for item in range(items):
            if profit[item] > 0 and c.size[item] <= left[site]:
                heap.append((-profit[item] / max(1.0, float(c.size[item])) ** alpha, site, item))
    heapq.heapify(heap)
    while len(heap):
        _, site, item = heapq.heappop(heap)
        if c.size[item] > left[site]:
            continue
        gain = gain_of(c, best, site, item)
        if gain <= 0:
            continue
        score = -gain / max(1.0, float(c.size[item])) ** alpha
        if len(heap) and score > heap[0][0] * (1 - 1e-12):
            heapq.heappush(heap, (score, site, item))
            continue
        held[site, item] = True
        left[site] -= c.size[item]
        for position in range(c.item_start[item], c.item_start[item + 1]):
            group = c.item_groups[position]
            if np.isfinite(c.latency[c.node[group], site]):
                value = saving(c, group, site)
                if value > best[group]:
                    best[group], where[group] = value, site


@kernel
def pulling(c: Caches, held: Array) -> float:
    """Return the seconds of pulling of everything held."""
    total = 0.0
    for site in range(held.shape[0]):
        for item in range(held.shape[1]):
            if held[site, item]:
                total += c.pull[site, item]
    return total


@kernel(allocates=True)
def dual_value(c: Caches, price: Array, slope: Array) -> float:
    """Return an upper bound on what can be saved: each group pays its price to every site that serves it.

    Sites then are separate knapsacks; their fractional optima over the items that fit alone are taken. `slope` becomes
    one minus how often each group is served.
    """
    total = 0.0
    for group in range(len(price)):
        total += price[group]
        slope[group] = 1.0
    items = len(c.size)
    profit, part = np.empty(items), np.empty(items)
    for site in range(len(c.room)):
        profits(c, price, site, profit)
        part[:] = 0.0
        useful = np.flatnonzero((profit > 0) & (c.size <= c.room[site]))
        ratio = profit[useful] / np.maximum(c.size[useful], 1e-3)
        left = float(c.room[site])
        for item in useful[np.argsort(-ratio)]:
            share = 1.0 if c.size[item] <= left else left / c.size[item]
            part[item] = share
            left -= share * c.size[item]
            total += share * profit[item]
            if left <= 0:
                break
        for position in range(c.site_start[site], c.site_start[site + 1]):
            node = c.site_nodes[position]
            for group in range(c.node_start[node], c.node_start[node + 1]):
                if part[c.item[group]] > 0 and saving(c, group, site) > price[group]:
                    slope[group] -= part[c.item[group]]
    return total

"""Compiled kernels: which batches of a model may come next."""

from __future__ import annotations

from typing import NamedTuple

from edgeopt.kernels import inner_kernel
from edgeopt.loading.streams.tables import Floats, Integers, Tables


class Batches(NamedTuple):
    """Room for batches: their users, who is gone after them, and when they begin and end; and for one set of users."""

    users: Integers
    gone: Integers
    start_s: Floats
    end_s: Floats
    picked: Integers


@inner_kernel
def uploaded_s(users: int, latest_first: Integers, arrival_s: Floats, upload_s: Floats) -> float:
    """Return when a set of users can have uploaded: what arrives from some time on needs the band after it."""
    done, work = 0.0, 0.0
    for place in range(len(latest_first)):
        k = latest_first[place]
        if users >> k & 1:
            work += upload_s[k]
            if arrival_s[k] + work > done:
                done = arrival_s[k] + work
    return done


@inner_kernel
def later_than(users: int, earlier: Integers) -> int:
    """Return the set of users who are in no later batch than some of these, nor therefore in any batch to come."""
    found, k = 0, 0
    while users >> k:
        if users >> k & 1:
            found |= earlier[k]
        k += 1
    return found & ~users


@inner_kernel
def sets_in_time(i: int, loaded_s: float, gone: int, tables: Tables, batches: Batches) -> int:
    """Write the sets of users of model i that may be a batch once it is loaded; return their number, -1 if too many.

    Whoever is both better than a user and in no later batch is served before or with it.
    """
    barred = later_than(gone, tables.earlier)
    last, picked = tables.first[i + 1], batches.picked
    number, depth, k, users = 0, 0, tables.first[i], 0
    while True:
        if k < last and depth < tables.capacity[i]:
            needed = tables.better[k] & tables.earlier[k] & ~(gone | users)
            if not (gone | barred) >> k & 1 and needed == 0:
                with_k = users | 1 << k
                start = uploaded_s(gone | with_k, tables.latest_first, tables.arrival_s, tables.upload_s)
                if loaded_s > start:
                    start = loaded_s
                end = start + tables.fixed_s[i] + tables.sample_s[i] * (depth + 1)
                if end <= tables.due_s[picked[0] if depth else k]:
                    if number == len(batches.users):
                        return -1
                    batches.users[number] = users = with_k
                    batches.gone[number] = gone | with_k
                    batches.start_s[number], batches.end_s[number] = start, end
                    number += 1
                    picked[depth] = k
                    depth += 1
            k += 1
        elif depth == 0:
            return number
        else:
            depth -= 1
            k = picked[depth] + 1
            users &= ~(1 << picked[depth])


@inner_kernel
def earliest_due_in_time(i: int, loaded_s: float, gone: int, tables: Tables, batches: Batches) -> int:
    """Write the batches of model i once it is loaded where nobody has anything to upload; return their number.

    A batch starts when the model is loaded or one of its users arrives, and takes the earliest due of those who are
    there and in time. Who is passed over for being late is gone.
    """
    low, high = tables.first[i], tables.first[i + 1]
    number = 0
    for waits_for in range(low - 1, high):
        start = loaded_s
        if waits_for >= low:
            start = tables.arrival_s[waits_for]
            if start <= loaded_s or gone >> waits_for & 1:
                continue
        for n in range(1, tables.capacity[i] + 1):
            end = start + tables.fixed_s[i] + tables.sample_s[i] * n
            users, passed, taken, arrived = 0, 0, 0, 0
            for k in range(low, high):
                if gone >> k & 1 or tables.arrival_s[k] > start:
                    continue
                arrived += 1
                if tables.due_s[k] < end:
                    passed |= 1 << k
                elif taken < n:
                    users |= 1 << k
                    taken += 1
            if taken < n:
                break
            if waits_for < low or users >> waits_for & 1:
                batches.users[number] = users
                batches.gone[number] = gone | users | passed
                batches.start_s[number], batches.end_s[number] = start, end
                number += 1
    return number

"""Compiled kernels that find where a line of batches takes a user: three evaluators, as fast as the mode lets them be.

With consecutive retention, what stands before a position says all about what may follow it. After an upload phase a
user then delays all batches by its upload and those from its own on by its work, so that the least slack before and
after a position decides (`by_slack`). With overlapped uploads the batches after it are gone through (`by_prefix`). With
capacity retention the whole line is run again (`by_replay`).

An argument `scratch` is room to run a line again with capacity retention and None without; `radio` is an array with
overlapped uploads and None without. A kernel is compiled for the evaluator of its mode alone, since the others cannot
be reached.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgeopt.kernels import inner_kernel, kernel
from edgeopt.loading.batches.line_kernels import Floats, Integers, Line, Users, copy_batches, new_line, put, serve_at
from edgeopt.loading.batches.timing_kernels import Flags, Timing, keep_soonest, next_uses

Place = tuple[float, int, bool]  # the line's end, the position, whether the user joins the batch there


class Figures(NamedTuple):
    """Before each position of a line, and at its end, shape (users + 1,) each.

    When the GPU is done with the batches before, the least slack of these, and that of those from the position on.
    """

    clock: Floats
    before: Floats
    after: Floats


def new_figures(users: int) -> Figures:
    """Return arrays for the figures of a line."""
    size = users + 2
    return Figures(np.zeros(size), np.zeros(size), np.zeros(size))


class Scratch(NamedTuple):
    """Room to run a line again with capacity retention.

    A second line; for each position and block where it is needed next, shape (users + 1, blocks); for each block
    whether it is on the GPU, and room for those that compete for memory.
    """

    line: Line
    following: Integers
    resident: Flags
    waiting: Integers


def new_scratch(users: int, blocks: int) -> Scratch:
    """Return room to run lines of so many users again, on a GPU that may keep so many blocks."""
    following = np.zeros((users + 1, blocks), np.int64)
    return Scratch(new_line(users), following, np.zeros(blocks, np.bool_), np.zeros(blocks, np.int64))


@inner_kernel
def measure(line: Line, timing: Timing, figures: Figures, radio: Floats | None) -> None:
    """Compute the figures of a line with consecutive retention, and when the radio is done with the batches before."""
    length = line.length[0]
    clock, sent, slack, last = 0.0, 0.0, np.inf, len(timing.fixed_s)
    if not timing.overlapped:
        for p in range(length):
            clock += line.sent[p]
    for p in range(length):
        figures.clock[p], figures.before[p] = clock, slack
        i = line.model[p]
        clock += timing.load_s[last, i]
        if radio is not None:
            radio[p] = sent
            sent += line.sent[p]
            clock = sent if sent > clock else clock
        clock += timing.fixed_s[i] + timing.sample_s[i] * line.size[p]
        early = line.due[p] - clock
        slack = early if early < slack else slack
        last = i
    figures.clock[length], figures.before[length] = clock, slack
    if radio is not None:
        radio[length] = sent
    figures.after[length] = np.inf
    for p in range(length - 1, -1, -1):
        early = line.due[p] - figures.clock[p + 1]
        figures.after[p] = early if early < figures.after[p + 1] else figures.after[p + 1]


@kernel
def end_of(line: Line, timing: Timing, scratch: Scratch | None) -> float:
    """Return when the last batch ends, or infinity when a batch is late; uploads go in batch order."""
    length = line.length[0]
    if scratch is not None:
        next_uses(line.model, length, timing.holds, scratch.following)
        for j in range(len(scratch.resident)):
            scratch.resident[j] = False
    radio, clock, last = 0.0, 0.0, len(timing.fixed_s)
    if not timing.overlapped:
        for p in range(length):
            clock += line.sent[p]
    for p in range(length):
        i = line.model[p]
        radio += line.sent[p]
        if scratch is not None:
            room, uses = timing.room_bytes[i] - timing.workspace_bytes[i] * line.size[p], scratch.following[p]
            loaded = keep_soonest(
                i, room, timing.holds, timing.block_bytes, uses, length, scratch.resident, scratch.waiting
            )
            clock += loaded / timing.rate
        else:
            clock += timing.load_s[last, i]
        if timing.overlapped and radio > clock:
            clock = radio
        clock += timing.fixed_s[i] + timing.sample_s[i] * line.size[p]
        if clock > line.due[p]:
            return np.inf
        last = i
    return clock


@kernel(cache=False, inline="always")  # it is short: a call would cost a tenth of it
def by_slack(user: int, users: Users, line: Line, figures: Figures, timing: Timing) -> Place:
    """Compare the least slacks before and after each position with what the user adds."""
    length, last, clock = line.length[0], len(timing.fixed_s), figures.clock
    model, upload, due = users.model[user], users.upload[user], users.due[user]
    sample = timing.sample_s[model]
    visit = timing.fixed_s[model] + sample
    nowhere: Any = np.int64(-1)  # literals would be types of their own to compile for
    how: Any = np.bool_(False)
    best, where = np.inf, nowhere
    if figures.before[length] < upload:
        return best, where, how
    for p in range(length + 1):
        if figures.before[p] < upload or clock[p] + upload + visit > due:
            break
        seconds = timing.load_s[last, model] + visit
        if clock[p] + upload + seconds <= due:
            if p < length:
                following = line.model[p]
                seconds += timing.load_s[model, following] - timing.load_s[last, following]
            if upload + seconds < best and figures.after[p] >= upload + seconds:
                best, where, how = upload + seconds, p, np.bool_(False)
        if p < length:
            if (
                line.model[p] == model
                and line.size[p] < users.capacity[model]
                and upload + sample <= best
                and figures.after[p] >= upload + sample
                and clock[p + 1] + upload + sample <= due
            ):
                best, where, how = upload + sample, p, np.bool_(True)
            last = line.model[p]
    return clock[length] + best, where, how


@inner_kernel
def by_prefix(user: int, users: Users, line: Line, figures: Figures, before: Floats, timing: Timing) -> Place:
    """Go through what follows each position, with the user in the batch there or in a new one before it."""
    fixed_s, sample_s, load_s = timing.fixed_s, timing.sample_s, timing.load_s
    models, sizes, sent, latest = line.model, line.size, line.sent, line.due
    i, length = users.model[user], line.length[0]
    upload, due, most = users.upload[user], users.due[user], users.capacity[i]
    nowhere: Any = np.int64(-1)
    how: Any = np.bool_(False)
    best, where = np.inf, nowhere
    for choice in range(2 * length + 1):
        joins, at = choice < length, choice if choice < length else choice - length
        if joins and (models[at] != i or sizes[at] >= most):
            continue
        clock, radio = figures.clock[at], before[at] + upload
        last = models[at - 1] if at > 0 else len(fixed_s)
        limit, first = due, at
        if joins:
            clock += load_s[last, i]
            radio += sent[at]
            clock = (radio if radio > clock else clock) + fixed_s[i] + sample_s[i] * (sizes[at] + 1)
            limit, first = due if due < latest[at] else latest[at], at + 1
        else:
            clock += load_s[last, i]
            clock = (radio if radio > clock else clock) + fixed_s[i] + sample_s[i]
        last = i
        late = clock > limit
        p = first
        while not late and p < length:
            model = models[p]
            radio += sent[p]
            clock += load_s[last, model]
            clock = (radio if radio > clock else clock) + fixed_s[model] + sample_s[model] * sizes[p]
            late = clock > latest[p]
            last = model
            p += 1
        if not late and clock < best:
            best, where, how = clock, at, joins
    return best, where, how


@inner_kernel
def by_replay(user: int, users: Users, line: Line, scratch: Scratch, timing: Timing) -> Place:
    """Run the whole line again for each position."""
    i, length = users.model[user], line.length[0]
    nowhere: Any = np.int64(-1)
    how: Any = np.bool_(False)
    best, where = np.inf, nowhere
    for choice in range(2 * length + 1):
        joins, at = choice < length, choice if choice < length else choice - length
        if joins and (line.model[at] != i or line.size[at] >= users.capacity[i]):
            continue
        copy_batches(line, scratch.line)
        put(scratch.line, i, users.upload[user], users.due[user], at, joins)
        end = end_of(scratch.line, timing, scratch)
        if end < best:
            best, where, how = end, at, joins
    return best, where, how


@inner_kernel
def best_place(
    user: int,
    users: Users,
    line: Line,
    figures: Figures,
    radio: Floats | None,
    scratch: Scratch | None,
    timing: Timing,
) -> Place:
    """Return the soonest end of the line with this user, the position, and whether it joins the batch there.

    The position is -1 where the user cannot be served without making anybody late.
    """
    if scratch is not None:
        place = by_replay(user, users, line, scratch, timing)
    elif radio is not None:
        place = by_prefix(user, users, line, figures, radio, timing)
    else:
        place = by_slack(user, users, line, figures, timing)
    return place


@kernel
def fill(
    candidates: Integers,
    number: int,
    users: Users,
    line: Line,
    figures: Figures,
    radio: Floats | None,
    scratch: Scratch | None,
    timing: Timing,
) -> None:
    """Serve as many of the first `number` candidates as fit, in this order, each where the line ends soonest."""
    changed = True
    for index in range(number):
        user = candidates[index]
        if changed and scratch is None:
            measure(line, timing, figures, radio)
        _, at, joins = best_place(user, users, line, figures, radio, scratch, timing)
        changed = at >= 0
        if changed:
            serve_at(user, users, line, at, joins)
    if scratch is None:
        measure(line, timing, figures, radio)


@kernel
def serve_cheapest(
    waiting: Integers,
    left: int,
    users: Users,
    line: Line,
    figures: Figures,
    radio: Floats | None,
    scratch: Scratch | None,
    timing: Timing,
    shares: Floats | None,
) -> int:
    """Serve the waiting user with whom the line ends soonest; return how many of the first `left` still wait.

    With weights in `shares`, it is the one who takes least time for its weight.

    With consecutive retention a user who does not fit will not fit later either, since insertions only delay; it is
    taken off the list.
    """
    if scratch is None:
        measure(line, timing, figures, radio)
    nobody: Any = np.int64(-1)
    best, chosen, where, how = np.inf, nobody, nobody, np.bool_(False)
    now = 0.0
    if shares is not None:
        now = end_of(line, timing, scratch)
    kept = 0
    for index in range(left):
        user = waiting[index]
        end, at, joins = best_place(user, users, line, figures, radio, scratch, timing)
        if at < 0 and not timing.keeps:
            continue
        waiting[kept] = user
        cost = end if shares is None else (end - now) / shares[user]
        if end < np.inf and cost < best:
            best, chosen, where, how = cost, kept, at, joins
        kept += 1
    if chosen < 0:
        return 0
    user = waiting[chosen]
    serve_at(user, users, line, where, how)
    waiting[chosen] = waiting[kept - 1]
    return kept - 1

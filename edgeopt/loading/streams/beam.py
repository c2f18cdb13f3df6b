"""Beam search over batches of a stream: whole plans, and parts of them between what comes before and after."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeopt.loading.streams.beam_kernels import NONE, Floats, History, Labels, advance
from edgeopt.loading.streams.line_kernels import BEGAN, END
from edgeopt.loading.streams.lines import Line, StreamLines

RING_S = 40.0  # a batch ends no later after the one before
MOST_RING = 4_000
MOST_HISTORY = 20_000_000
BUCKETS = 100  # between two questions whether to stop


class Beam:
    """A beam search of some width, bound to the users of a workload.

    Parameters
    ----------
    lines : StreamLines
    width : int
        Labels for each bucket of time and kind of model.
    bucket_s : float
        Seconds of a bucket.
    children : int
        Batches tried after each.
    """

    def __init__(self, lines: StreamLines, width: int, bucket_s: float, children: int) -> None:
        self.lines, self.width, self.bucket_s, self.children = lines, width, bucket_s, children
        requests, gpu = lines.requests, lines.gpu
        models, kinds = len(gpu.fixed), int(gpu.kind.max()) + 1
        longest = float(requests.due.max(initial=0.0))
        ring = 2 + min(MOST_RING, int(max(RING_S, 0.0) / bucket_s), int(longest / bucket_s) + 1)
        slots = ring * kinds * width
        self._labels = Labels(
            number=np.zeros((ring, kinds), np.int64),
            end=np.zeros(slots),
            score=np.zeros(slots),
            served=np.zeros(slots),
            began=np.zeros(slots),
            spare=np.zeros(slots, np.int64),
            node=np.zeros(slots, np.int64),
            mark=np.zeros(slots, np.int64),
            resident=np.zeros((slots, len(gpu.block_bytes)), np.bool_),
            next=np.zeros((slots, models), np.int32),
        )
        buckets = int(longest / bucket_s) + 2  # further ones may find no room in the history
        size = min(MOST_HISTORY, 1_000 + (buckets + ring) * kinds * width * (children + 2))
        self._history = History(
            np.zeros(size, np.int64), np.zeros(size, np.int32), np.zeros(size), np.zeros(1, np.int64)
        )
        self._salt = np.random.default_rng(1).integers(1, 2**40, models)

    def search(self, patience_s: float, worth: Floats, on_time: Callable[[], bool] = lambda: True) -> tuple[float, int]:
        """Extend the empty line by batches; return what they serve at most, and their node, -1 and -1 for none.

        `worth` is what users cost that are given up, shape (users,). Where it is not on time any more, the search ends.
        """
        state = self.lines.begin()
        labels, history, kinds = self._labels, self._history, self._labels.number.shape[1]
        requests = self.lines.requests._replace(lost=np.concatenate([[0.0], np.cumsum(worth)]))
        labels.number[:, :] = 0
        history.size[0] = 0
        bucket = int(state.times[END] / self.bucket_s)
        slot = bucket % len(labels.number) * kinds * self.width
        labels.number[bucket % len(labels.number), 0] = 1
        labels.end[slot], labels.began[slot] = state.times[END], state.times[BEGAN]
        labels.score[slot], labels.served[slot], labels.mark[slot], labels.node[slot] = 0.0, 0.0, 0, NONE
        labels.spare[slot], labels.resident[slot], labels.next[slot] = state.spare[0], state.resident, state.next
        best = np.array([-1.0, NONE])
        models = len(self._salt)
        last = int(float(requests.due.max(initial=0.0)) / self.bucket_s) + 1
        while bucket < last and labels.number.any() and on_time():
            until = min(last, bucket + BUCKETS)
            advance(
                bucket,
                until,
                self.width,
                self.bucket_s,
                self.children,
                patience_s,
                requests,
                self.lines.gpu,
                self._salt,
                labels,
                history,
                best,
                np.empty(models),
                np.empty(models),
            )
            bucket = until
        return float(best[0]), int(best[1])

    @property
    def fullness(self) -> float:
        """The part of the longest history that the last search took; a full one ends a search too early."""
        return int(self._history.size[0]) / MOST_HISTORY

    def line(self, node: int) -> Line:
        """Return the batches that lead to a node of the last search."""
        models, starts = [], []
        while node != NONE:
            models.append(int(self._history.model[node]))
            starts.append(float(self._history.start[node]))
            node = int(self._history.parent[node])
        return Line(np.array(models[::-1], dtype=np.int64), np.array(starts[::-1]))

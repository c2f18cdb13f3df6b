"""A policy that loads for nobody while the GPU is idle: what those who came so far would have needed most."""

from __future__ import annotations

import numpy as np

from edgeopt.loading.policies.desk import COMING
from edgeopt.loading.policies.policy import Load, View, Wait
from edgeopt.loading.policies.simple import MostServedPerSecond


class LoadsInIdleTime(MostServedPerSecond):
    """The same; while nobody can be served it loads the model that makes the next load shortest on average.

    The next request is taken to ask for a model as often as those who came so far did. It loads for nobody only what is
    loaded sooner than the mean time between two requests, and where blocks are kept, only what fits beside them. Only
    where the stream's `prefetch` is ``"idle"`` may it do so.
    """

    def begin(self, view: View) -> None:
        requests, desk = view.compiled()
        self._seen, self._asked = 0, np.zeros(len(view.model_names))
        self._holds = np.zeros((len(view.model_names), len(desk.resident)), np.bool_)
        for model, (first, behind) in enumerate(zip(requests.first_block[:-1], requests.first_block[1:], strict=True)):
            self._holds[model, requests.block[first:behind]] = True

    def decide(self, view: View) -> Load | Wait:
        return super().decide(view) if view.batch.any() else self._prepare(view)

    def _prepare(self, view: View) -> Load | Wait:
        """Load a model for those who may come, or wait."""
        requests, desk = view.compiled()
        came = int(desk.counts[COMING])
        self._asked += np.bincount(requests.model[requests.order[self._seen : came]], minlength=len(self._asked))
        self._seen = came
        if not came:
            return Wait()
        saved_s = self._asked @ self._holds * requests.block_bytes / requests.rate / came
        bytes_after = (self._holds | desk.resident) @ requests.block_bytes
        gain_s = self._holds @ saved_s
        allowed = (view.load_s > 0.0) & (view.load_s <= view.now_s / came)
        if requests.keeps:
            gain_s -= self._holds @ (saved_s * desk.resident)
            allowed &= bytes_after + requests.workspace_bytes <= requests.memory_bytes
        else:
            gain_s -= float(saved_s @ desk.resident)
        best = int(np.argmax(np.where(allowed, gain_s, -np.inf)))
        return Load(best) if allowed[best] and gain_s[best] > 0.0 else Wait()

"""Sets of users after an upload phase, with kept blocks: whether they can be served is asked of streams."""

from __future__ import annotations

from edgeopt.loading.bandwidths import bandwidths
from edgeopt.loading.streams.everybody import serve_everybody
from edgeopt.loading.walks.benders import Benders
from edgeopt.loading.workload import Workload
from edgeopt.run import Run
from edgeopt.solution import Plan

CHUNKS = 300  # of states


class KeptProof(Benders[Plan]):
    """A proof by sets of users, with kept blocks.

    Parameters
    ----------
    work : Workload
    run : Run
    plan : dict
    users : int
        How many users it serves.
    """

    def __init__(self, work: Workload, run: Run, plan: Plan, users: int) -> None:
        super().__init__(work.queues, run, plan, users, dict)
        self._work = work

    def sequenced(self, users: list[int]) -> Plan | bool | None:
        """Return a plan that serves all these users; when their uploads are done they are a stream without uploads."""
        queues, instance = self.queues, self._work.instance
        served = [queues.user_names[user] for user in users]
        if not served:
            return {"batches": [], "bandwidth_hz": {}}
        done_s = float(queues.upload_s[users].sum())
        left_s = queues.due_s[users] - done_s
        if left_s.min() <= 0.0:
            return False
        waiting = {
            name: instance.users[name].model_copy(update={"upload_bits": 0.0, "deadline_s": float(left)})
            for name, left in zip(served, left_s, strict=True)
        }
        found = serve_everybody(instance.replace(upload="overlapped", users=waiting), self.run, CHUNKS)
        if found is None or isinstance(found, bool):
            return found
        return {"batches": found["batches"], "bandwidth_hz": bandwidths(instance, served)}

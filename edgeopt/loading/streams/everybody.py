"""Whether all users of an instance whose uploads overlap the service can be served."""

from __future__ import annotations

from edgeopt.loading.instance import LoadingInstance
from edgeopt.loading.streams.exact import Search
from edgeopt.loading.streams.tables import size_refusal
from edgeopt.loading.workload import compile_workload
from edgeopt.run import Run
from edgeopt.solution import Plan


def serve_everybody(instance: LoadingInstance, run: Run, chunks: int) -> Plan | bool | None:
    """Return a plan that serves all users in time; False: there is none; None: so many chunks of states do not decide.

    The instance has a user, and none has a weight.
    """
    work = compile_workload(instance)
    if len(work.queues.user_names) < len(instance.users):
        return False
    if size_refusal(work) is not None:
        return None
    search = Search(work, len(instance.users) - 1)
    for _ in range(chunks):
        more = search.expand()
        if search.units == len(instance.users):
            return search.plan()
        if not more:
            return None if search.given_up else False
        if run.stop_reason() is not None:
            break
    return None

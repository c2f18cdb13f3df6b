"""Why requests of an infeasible instance are not served."""

from __future__ import annotations

import numpy as np

from edgeopt.pulling.arrays import reduce_instance
from edgeopt.pulling.infeasibility import jointly_unservable
from edgeopt.pulling.instance import PullingInstance
from edgeopt.pulling.unservable import unservable_requests


def unserved(instance: PullingInstance) -> dict[str, str]:
    """Return the requests that keep an infeasible instance from having a plan, each with the reason.

    These are the requests that no plan serves. If there are none, they are those that the cloud cannot serve, each of
    which could be served alone, but not all together.
    """
    reduced = reduce_instance(instance)
    alone = unservable_requests(reduced)
    if alone:
        return alone
    stranded = np.flatnonzero(np.isinf(reduced.core.cloud_cost)).tolist()
    names = [name for group in stranded for name in reduced.groups.members[group]]
    return dict.fromkeys(names, jointly_unservable(reduced)) if names else {}

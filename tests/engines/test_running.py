"""What every engine's result holds."""

from math import inf, nan

import pytest

from edgeopt.engines.running import Result
from edgeopt.solution import Status, Stopped


@pytest.mark.parametrize(("bound", "kept"), [(inf, None), (-inf, None), (nan, None), (None, None), (0.0, 0.0), (3, 3)])
def test_a_bound_that_says_nothing_is_dropped(bound, kept):
    assert Result(Status.UNKNOWN, Stopped.TIME_LIMIT, bound=bound).bound == kept

"""The two enumerations of streams agree with each other, and without arrivals with that of all users at time 0."""

import pytest

from tests.loading.brute_force import optimum
from tests.loading.modes import tiny
from tests.loading.streams.brute_force import stream_optimum
from tests.loading.streams.random_streams import MODE_NAMES, MODES, whole_stream
from tests.loading.streams.ticks import ticked_optimum

SOME = pytest.param(range(6), id="some")
ALL = pytest.param(range(6, 106), id="all", marks=pytest.mark.slow)


@pytest.mark.parametrize("seeds", [SOME, ALL])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_every_decision_in_every_second_serves_as_many(mode, seeds):
    served = 0
    for seed in seeds:
        instance = whole_stream(seed, *mode)
        best = stream_optimum(instance)
        assert ticked_optimum(instance) == best, seed
        served += best
    assert served > len(seeds) / 2


@pytest.mark.parametrize(
    "seeds", [pytest.param(range(7), id="some"), pytest.param(range(70), id="all", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("retention", ["consecutive", "capacity"])
@pytest.mark.parametrize("one_deadline", [True, False])
def test_without_arrivals_it_is_the_optimum_of_all_users_at_time_0(retention, one_deadline, seeds):
    instances = tiny(seeds, "overlapped", retention, users=4, one_deadline=one_deadline)
    assert len(instances) > len(seeds) / 3
    for instance in instances:
        assert stream_optimum(instance) == optimum(instance), instance.name

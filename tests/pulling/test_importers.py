"""Other people's formats, on a hand-made file and on the real data where it is there."""

import os
from pathlib import Path

import pytest

import edgeopt
from edgeopt.errors import InputError
from edgeopt.pulling.importers import hashcode_score, read_facility_location, read_hashcode

DATA = Path(os.environ.get("EDGEOPT_DATA", Path(__file__).parents[2].parent / "shared" / "data"))

# The example of the contest's problem statement: the best score is 562500 with the given caches.
EXAMPLE = """5 2 4 3 100
50 50 80 30 110
1000 3
0 100
2 200
1 300
500 0
3 0 1500
0 1 1000
4 0 500
1 0 1000
"""


def real(*parts):
    path = DATA.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


@pytest.mark.parametrize("name", ["exact", pytest.param("cache-search", marks=pytest.mark.slow)])
def test_the_contests_example(name, tmp_path):
    (tmp_path / "example.in").write_text(EXAMPLE)
    instance = read_hashcode(tmp_path / "example.in")
    solution = edgeopt.solve(instance, name, threads=1, iteration_limit=50)
    assert hashcode_score(instance, solution.objective) == 562500


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text[:-12], "ends after"),
        (lambda text: text + "7", "too many"),
        (lambda text: text.replace("0 100", "9 100"), "no cache 9"),
        (lambda text: text.replace("50 50", "50 x"), "'x'"),
    ],
)
def test_damaged_files(tmp_path, change, word):
    (tmp_path / "bad.in").write_text(change(EXAMPLE))
    with pytest.raises(InputError, match=word):
        read_hashcode(tmp_path / "bad.in")


def test_equal_rows_are_summed(tmp_path):
    (tmp_path / "twice.in").write_text(EXAMPLE.replace("5 2 4 3", "5 2 5 3") + "1 0 1000\n")
    instance = read_hashcode(tmp_path / "twice.in")
    assert instance.requests["video1@endpoint0"].count == 2000


@pytest.mark.parametrize(("name", "value"), [("cap71", 932615.75), ("cap101", 796648.4375), ("cap131", 793439.5625)])
def test_facility_location_optima(name, value):
    instance = read_facility_location(real("facility_location", f"{name}.txt"))
    solution = edgeopt.solve(instance, "exact", threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(value, abs=1e-6)


@pytest.mark.slow
def test_me_at_the_zoo_is_proved_optimal():
    instance = read_hashcode(real("hashcode2017", "me_at_the_zoo.in"))
    solution = edgeopt.solve(instance, "exact", threads=2)
    assert solution.status == "optimal"
    assert hashcode_score(instance, solution.objective) == 516557

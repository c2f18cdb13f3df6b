"""Numbers as people read them."""

from __future__ import annotations

import pytest

from edgeopt.errors import UsageError
from edgeopt.layout import aligned
from edgeopt.quantities import in_units, metric, number, parsed, percent, quantity, size_bytes


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "B", "0 B"),
        (7, "B", "7 B"),
        (999, "B", "999 B"),
        (999.9, "B", "1 kB"),
        (1000, "B", "1 kB"),
        (45_812_345, "B", "45.8 MB"),
        (999_999_999, "B", "1 GB"),
        (2**62, "B", "4.61 EB"),
        (2.69e9, "B/s", "2.69 GB/s"),
        (2e7, "Hz", "20 MHz"),
        (0.5, "Hz", "0.5 Hz"),
        (0, "s", "0 s"),
        (0.0031, "s", "3.1 ms"),
        (0.99996, "s", "1 s"),
        (4e-7, "s", "400 ns"),
        (75.25, "s", "75.2 s"),
        (86400, "s", "86400 s"),
        (-0.002, "s", "-2 ms"),
    ],
)
def test_quantity(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0, "0"), (10_000, "10000"), (2.5, "2.5"), (1 / 3, "0.333333")]
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0 %"),
        (1e-9, "< 0.01 %"),
        (5e-5, "0.01 %"),
        (0.12345, "12.35 %"),
        (1.5, "150.00 %"),
        (100.0, "10000.00 %"),
        (6e9, "> 10000 %"),
    ],
)
def test_percent_never_shows_a_gap_as_none(value: float | None, text: str) -> None:
    assert percent(value) == text


def test_metric_takes_its_unit_from_its_key() -> None:
    assert metric("loaded_bytes", 1.5e6) == ("loaded", "1.5 MB")
    assert metric("upload_s", 0.25) == ("upload", "250 ms")
    assert metric("switches", 3) == ("switches", "3")


def test_aligned() -> None:
    assert aligned(["a", "bb"], [["xxx", "1"], ["y", "22"]], right=[1]) == ["a    bb", "xxx   1", "y    22"]


@pytest.mark.parametrize("text", ["1e30", "1e999999999", "1e" + "9" * 30, "5EB", "9" * 400])
def test_sizes_beyond_counting_are_refused(text: str) -> None:
    assert size_bytes("4EB") == 4 * 10**18
    with pytest.raises(UsageError, match="more than can be counted"):
        size_bytes(text)


def test_quantities_keep_all_their_digits() -> None:
    assert size_bytes("4611686018.427387903GB") == 2**62 - 1
    assert in_units("memory_bytes", "9007199.254740993GB") == 2**53 + 1
    assert in_units("deadline_s", "0.3ms") == parsed("0.3ms", "s") == 0.0003
    assert size_bytes("2KiB") == parsed("2KiB", "B") == 2048
    assert size_bytes("1KB") == parsed("1KB", "B") == 1000
    assert size_bytes("1EiB") == parsed("1EiB", "B") == 2**60


@pytest.mark.parametrize("text", ["1e400", "1e999999999999999999999", "9e999999kB"])
def test_quantities_beyond_floats_are_infinite(text: str) -> None:
    assert parsed(text, "B") == in_units("memory_bytes", text) == float("inf")
    assert parsed("1e-999999999999999999999", "B") == size_bytes("1e-999999999999999999999") == 0

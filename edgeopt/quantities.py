"""Numbers as people read them, with their units."""

from __future__ import annotations

import re
from decimal import Decimal

from edgeopt.errors import UsageError

Number = int | float

NOTHING = "-"
HUGE_FRACTION = 100  # the gap of a plan worth 0 is infinite but for the smallest divisor
LARGE_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
SMALL_PREFIXES = ("", "m", "µ", "n")
QUANTITY = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\D*)")
LARGE = {prefix: Decimal(1000) ** power for power, prefix in enumerate(LARGE_PREFIXES)}
BINARY = {
    "K": LARGE["k"],
    **{f"{p.upper()}i": Decimal(1024) ** power for power, p in enumerate(LARGE_PREFIXES) if power},
}
TIMES = {"": Decimal(1), "m": Decimal("1e-3"), "µ": Decimal("1e-6"), "u": Decimal("1e-6"), "n": Decimal("1e-9")}
LARGEST_SIZE = 2**62


def number(value: Number | None) -> str:
    """Write an objective or a bound: integers whole, others with six digits, nothing as a dash."""
    if value is None:
        return NOTHING
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def amount(value: Number | None, unit: str) -> str:
    """Write an objective or a bound with its unit; weights have none."""
    return number(value) if value is None or not unit else f"{number(value)} {unit}"


def percent(value: float | None) -> str:
    """Write a fraction as a percentage; what is not zero never reads as zero, and what is huge has no digits."""
    if value is None:
        return NOTHING
    if value > HUGE_FRACTION:
        return f"> {100 * HUGE_FRACTION} %"
    if 0 < abs(value) < 5e-5:
        return "< 0.01 %"
    return f"{100 * value:.2f} %" if value else "0 %"


def quantity(value: float, unit: str) -> str:
    """Write a quantity with three digits and the decimal prefix that suits its size, such as ``45.8 MB``.

    Parameters
    ----------
    value : float
        In `unit`.
    unit : str
        Base unit: ``"B"``, ``"B/s"``, ``"bit"``, ``"Hz"``, ``"s"``. Seconds take small prefixes only (ms, not ks).
    """
    prefixes = SMALL_PREFIXES if unit == "s" else LARGE_PREFIXES
    step = 1000 if unit == "s" else 1 / 1000
    scaled, position = float(value), 0
    while scaled and position + 1 < len(prefixes) and _needs_step(abs(scaled), step):
        scaled, position = scaled * step, position + 1
    digits = f"{scaled:.0f}" if abs(scaled) >= 100 or scaled == int(scaled) else f"{scaled:.3g}"
    return f"{digits} {prefixes[position]}{unit}"


def parsed(text: str, unit: str) -> float:
    """Read a quantity such as ``8GB`` or ``1.5 ms``, in `unit`; a number alone is in it, too.

    Parameters
    ----------
    text : str
    unit : str
        Base unit as in `quantity`, or nothing for plain numbers.

    Raises
    ------
    ValueError
        The text is no such quantity; the message says what would be right.
    """
    return float(_exactly(text, unit))


def size_bytes(text: str) -> int:
    """Read a size such as ``24GB``, ``16 GiB`` or ``200e9`` as whole bytes.

    Raises
    ------
    UsageError
        The text is none, or says more than records count.
    """
    size = _read(text, "B")
    if size is None or size < 0:
        raise UsageError(f"{text!r} is not a size: give bytes, or a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB")
    if size > LARGEST_SIZE:
        raise UsageError(f"{text!r} is more than can be counted: at most {LARGEST_SIZE} bytes")
    return int(size)


def _exactly(text: str, unit: str) -> Decimal:
    value = _read(text, unit)
    if value is None:
        example = "500ms" if unit == "s" else f"3G{unit}"
        raise ValueError(f"{text!r} is not a number" + (f" of {unit}, such as {example}" if unit else ""))
    return value


def _read(text: str, unit: str) -> Decimal | None:
    """Return the number that a text is in a unit, with all its digits, or None where it is no such quantity."""
    match = QUANTITY.fullmatch(text.strip())
    factors = TIMES if unit == "s" else LARGE | (BINARY if unit in ("B", "B/s") else {})
    known = {"": Decimal(1)} | ({prefix + unit: factor for prefix, factor in factors.items()} if unit else {})
    if match is None or match[2] not in known:
        return None
    try:
        return Decimal(match[1]) * known[match[2]]
    except ArithmeticError:  # an exponent that decimals do not have
        return Decimal(float(match[1]))


def _needs_step(scaled: float, step: float) -> bool:
    return scaled < 0.9995 if step > 1 else scaled >= 999.5


METRIC_UNITS = {"_bytes": "B", "_s": "s", "_hz": "Hz", "_bits": "bit", "_bps": "bit/s"}


def metric(key: str, value: float) -> tuple[str, str]:
    """Write a checker's metric, whose key ends in its unit, as a name and a quantity."""
    for ending, unit in METRIC_UNITS.items():
        if key.endswith(ending):
            return key.removesuffix(ending).replace("_", " "), quantity(value, unit)
    return key.replace("_", " "), number(value)


UNITS = {"_bytes_per_s": "B/s", "_bytes_per_sample": "B", **METRIC_UNITS, "_w": "W"}


def unit_of(path: str) -> str:
    """Return the unit of a key of an instance by its name, or nothing."""
    if path.startswith("library.blocks."):
        return "B"
    return next((unit for ending, unit in UNITS.items() if path.endswith(ending)), "")


def in_units(key: str, value: object) -> object:
    """Return the number that a text such as ``8GB`` is, in the unit of a key; what has no unit stays as it is.

    Raises
    ------
    ValueError
        The text is no quantity of the key's unit.
    """
    unit = unit_of(key)
    if not isinstance(value, str) or not unit:
        return value
    found = _exactly(value, unit)
    return int(found) if abs(found) <= LARGEST_SIZE and found == int(found) else float(found)

"""Small files like those of others, and the real ones when they are here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("EDGEOPT_DATA", ROOT.parent / "shared" / "data"))

STATIONS = """SITE_ID,LATITUDE,LONGITUDE,NAME
7,-37.8100,144.9600,"Corner of A and B, north"
8,-37.8100,144.9620,C
9,-37.8120,144.9610,D
11,-37.8150,144.9650,E
"""
USERS = "Latitude,Longitude\n" + "".join(
    f"{-37.8101 - 0.0004 * k:.4f},{144.9601 + 0.0003 * k:.4f}\n" for k in range(12)
)
TRACE = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n" + "".join(
    f"2023-11-16 18:{15 + k // 60:02d}:{k % 60:02d}.1234567,{100 + 7 * k},{k % 9}\r\n" for k in range(90)
)


def real(name: str) -> Path:
    """Path of a file of the real data; the test is skipped where it is not here."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path

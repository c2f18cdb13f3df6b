"""Instances of `loading` built in code."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from edgeopt.builder import Builder


class LoadingBuilder(Builder):
    """Builds an instance of `loading`: give ``server`` and ``bandwidth_hz``, then add models with ``compute_fixed_s``,
    ``compute_per_sample_s`` and ``workspace_bytes_per_sample``, then users.
    """

    problem = "loading"

    def add_user(
        self,
        name: str,
        model: str,
        *,
        upload_bits: float | str,
        spectral_efficiency: float,
        deadline_s: float | str,
        arrival_s: float | str = 0.0,
        weight: float = 1,
    ) -> Self:
        """Add a user of a model, what it uploads, by when it must be served, and what serving it counts."""
        values = {
            "model": model,
            "upload_bits": upload_bits,
            "spectral_efficiency": spectral_efficiency,
            "deadline_s": deadline_s,
            "arrival_s": arrival_s,
            "weight": weight,
        }
        self._put(self._entries("users"), "user", name, values)
        return self

    def add_users(self, path: str | Path) -> Self:
        """Add the users of a CSV table: a column ``user``, and one for each key."""
        self._put_table(self._entries("users"), "user", path)
        return self


BUILDER = LoadingBuilder

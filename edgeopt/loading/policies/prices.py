"""Prices learned from a past stream: of a second of the GPU, and of each model's users."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import numpy as np

from edgeopt.errors import Finding, InputError
from edgeopt.files import format_json, read_json, write_text
from edgeopt.frozen import DictOf
from edgeopt.libraries.library import Name
from edgeopt.record import NonNegative, Probability, Record

PRICES_FORMAT: Final = "edgeopt-prices/1"


class ModelPrice(Record):
    """Prices of a model.

    Attributes
    ----------
    user : float
        How much less than one of its users counts as another, between 0 and 1: the price of a user in a bound.
    state : float
        What it is worth, in users, that the GPU holds the model afterwards.
    """

    user: Probability = 0.0
    state: NonNegative = 0.0


class Prices(Record):
    """Prices, in users, that the policy `priced` has learned from a past stream.

    Attributes
    ----------
    second : float
        What a second of the GPU is worth.
    models : dict of str to ModelPrice
        Models that are not named have prices of 0.
    """

    format: Literal["edgeopt-prices/1"] = PRICES_FORMAT
    second: NonNegative
    models: DictOf[Name, ModelPrice]

    @classmethod
    def read(cls, path: str | Path) -> Prices:
        """Read a file of prices.

        Raises
        ------
        InputError
            It is none.
        """
        data = read_json(path)
        if not isinstance(data, dict) or data.get("format") != PRICES_FORMAT:
            stated = data.get("format") if isinstance(data, dict) else type(data).__name__
            problem = f"these are no prices: {stated!r}"
            raise InputError(Finding("$.format", problem, f"it should be {PRICES_FORMAT!r}"), path)
        return cls.from_dict(data, file=path)

    def write(self, path: str | Path) -> None:
        """Write the prices as a file, whole or not at all."""
        write_text(path, format_json(self.to_dict()))

    def arrays(self, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the prices of users and of states, of these models."""
        known = [self.models.get(name) or ModelPrice() for name in names]
        return np.array([price.user for price in known]), np.array([price.state for price in known])

"""What shares bytes between the models of a library."""

from __future__ import annotations

from enum import StrEnum


class SharedBy(StrEnum):
    """What a block is: equal tensors, a file of a disk, what a process that serves adapters loads, or a whole model."""

    CONTENT = "content"
    STORE = "store"
    LORA = "lora"
    NOBODY = "nobody"

"""What sharing is compared with: storing every model whole."""

from __future__ import annotations

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.placement.instance import PlacementInstance


def without_sharing(instance: PlacementInstance) -> PlacementInstance:
    """Return the instance in which every model is one block of its own; its plans are feasible for the original."""
    library = instance.library
    private = ModelLibrary(
        name=f"{library.name} without sharing",
        blocks={name: library.size_bytes(name) for name in library.models},
        models={name: Model(blocks=[name]) for name in library.models},
    )
    return instance.replace(library=private)

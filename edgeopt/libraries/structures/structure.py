"""The structure of a network, whatever its kind, as freezing and adapters need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgeopt.errors import UsageError, suggestion


@dataclass(frozen=True)
class Structure:
    """Parameters of a network from its inputs to its outputs.

    Attributes
    ----------
    stem : int
        Parameters before the layers: first convolution, embeddings.
    layers : tuple of int
        Parameters of each layer (residual block, transformer layer).
    tail : int
        Parameters behind the layers without the head: last norm, pooling.
    head : int
        Parameters of the head: classifier, output embedding.
    per_class : int
        Parameters that a classifier in place of the head has for each class.
    matrices : mapping of str to (int, int)
        Inputs and outputs of the matrices of one layer, which adapters can stand at; empty where there are none.
    """

    stem: int
    layers: tuple[int, ...]
    tail: int
    head: int
    per_class: int
    matrices: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def parameters(self, classes: int | None = None) -> int:
        """Return the number of parameters, with the network's own head or with one of so many classes."""
        head = self.head if classes is None else self.per_class * classes
        return self.stem + sum(self.layers) + self.tail + head

    def frozen(self, depth: int) -> int:
        """Return the number of parameters of the stem and the first `depth` layers; none when `depth` is 0."""
        return self.stem + sum(self.layers[:depth]) if depth else 0


@dataclass(frozen=True)
class LoraSetting:
    """Rank, matrices, and layers of an adapter (all layers when `layers` is None)."""

    rank: int
    modules: tuple[str, ...]
    layers: int | None = None

    def parameters(self, base: Structure) -> int:
        """Return the number of parameters of the two factors at each matrix: rank x (inputs + outputs).

        Raises
        ------
        UsageError
            The base has no such matrix.
        """
        if not base.matrices:
            raise UsageError(
                "adapters stand at the matrices of a transformer's layers, and this structure has none; models "
                "fine-tuned behind frozen layers (--models, --freeze) are made of any structure"
            )
        layers = len(base.layers) if self.layers is None else self.layers
        chosen = set().union(*(matching(module, base.matrices) for module in self.modules))
        return layers * sum(self.rank * sum(base.matrices[name]) for name in chosen)


def matching(module: str, names: Iterable[str]) -> set[str]:
    """Return the names that are `module` or end with it behind a dot, as the target modules of adapters are read.

    Raises
    ------
    UsageError
        There is none.
    """
    known = list(names)
    matches = {name for name in known if name == module or name.endswith(f".{module}")}
    if not matches:
        raise UsageError(f"no matrix is called {module!r}; {suggestion(module, known)}")
    return matches

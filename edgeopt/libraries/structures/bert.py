"""BERT encoders (Devlin et al., arXiv 1810.04805), with the pooling layer."""

from __future__ import annotations

from dataclasses import dataclass

from edgeopt.libraries.structures.structure import Structure


@dataclass(frozen=True)
class Bert:
    """A BERT encoder: every matrix has a bias, every norm a scale and a shift."""

    hidden: int
    intermediate: int
    layers: int
    vocabulary: int
    positions: int = 512
    types: int = 2

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the inputs and outputs of the matrices of one layer."""
        square = (self.hidden, self.hidden)
        return {
            "attention.self.query": square,
            "attention.self.key": square,
            "attention.self.value": square,
            "attention.output.dense": square,
            "intermediate.dense": (self.hidden, self.intermediate),
            "output.dense": (self.intermediate, self.hidden),
        }

    def structure(self) -> Structure:
        """Return the network as layers; it has no head of its own, a classifier reads the pooled output."""
        embeddings = (self.vocabulary + self.positions + self.types) * self.hidden + 2 * self.hidden
        layer = sum((inputs + 1) * outputs for inputs, outputs in self.shapes().values()) + 4 * self.hidden
        pooling = (self.hidden + 1) * self.hidden
        return Structure(embeddings, (layer,) * self.layers, pooling, 0, self.hidden + 1, self.shapes())


BERTS = {
    "bert-base-uncased": Bert(hidden=768, intermediate=3072, layers=12, vocabulary=30_522),
    "bert-large-uncased": Bert(hidden=1024, intermediate=4096, layers=24, vocabulary=30_522),
}

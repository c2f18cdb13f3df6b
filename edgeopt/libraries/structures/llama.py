"""Llama decoders (Touvron et al., arXiv 2302.13971); the shapes are those of configuration files."""

from __future__ import annotations

from dataclasses import dataclass

from edgeopt.libraries.structures.structure import Structure

HALF = 2  # bytes of a parameter


@dataclass(frozen=True)
class Llama:
    """A Llama decoder; the attention's keys and values may have fewer heads than the queries."""

    hidden: int
    intermediate: int
    layers: int
    vocabulary: int
    key_value: int
    eight_bit: bool = False
    tied: bool = False

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the inputs and outputs of the matrices of one layer."""
        return {
            "q_proj": (self.hidden, self.hidden),
            "k_proj": (self.hidden, self.key_value),
            "v_proj": (self.hidden, self.key_value),
            "o_proj": (self.hidden, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    def structure(self) -> Structure:
        """Return the network as layers: two embeddings (one when tied), matrices and two norms in each, a last norm."""
        embedding = self.vocabulary * self.hidden
        layer = sum(rows * columns for rows, columns in self.shapes().values()) + 2 * self.hidden
        head = 0 if self.tied else embedding
        return Structure(embedding, (layer,) * self.layers, self.hidden, head, self.hidden, self.shapes())

    def parameters(self) -> int:
        """Return the number of parameters."""
        return self.structure().parameters()

    def stored_bytes(self) -> int:
        """Return the bytes in half precision, or with eight bits where `eight_bit` is set.

        The layers' matrices then take one byte a parameter, each of their rows a scale of four bytes, and each matrix
        a byte that names its format.
        """
        if not self.eight_bit:
            return HALF * self.parameters()
        matrices = sum(rows * columns for rows, columns in self.shapes().values())
        scales = sum(4 * columns + 1 for _, columns in self.shapes().values())
        return HALF * (self.parameters() - self.layers * matrices) + self.layers * (matrices + scales)

    def cache_bytes_per_token(self) -> int:
        """Return the bytes that keys and values of one token take in half precision."""
        return 2 * self.layers * self.key_value * HALF


LLAMAS = {
    "llama-2-7b": Llama(hidden=4096, intermediate=11_008, layers=32, vocabulary=32_000, key_value=4096),
    "llama-3.1-8b": Llama(hidden=4096, intermediate=14_336, layers=32, vocabulary=128_256, key_value=1024),
}

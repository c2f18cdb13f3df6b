"""Vision transformers (Dosovitskiy et al., arXiv 2010.11929), and what later towers add."""

from __future__ import annotations

from dataclasses import dataclass

from edgeopt.libraries.structures.structure import Structure


@dataclass(frozen=True)
class VisionTransformer:
    """A vision tower: its shape, from which its parameters follow."""

    width: int
    depth: int
    hidden: int
    patch: int
    tokens: int  # without a class token
    class_token: bool
    patch_bias: bool
    norm_before: bool
    layer_scale: bool
    attention_pooling: bool

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the inputs and outputs of the matrices of one layer."""
        square = (self.width, self.width)
        return {
            "attention.attention.query": square,
            "attention.attention.key": square,
            "attention.attention.value": square,
            "attention.output.dense": square,
            "intermediate.dense": (self.width, self.hidden),
            "output.dense": (self.hidden, self.width),
        }

    def structure(self, classes: int = 0) -> Structure:
        """Return the tower as layers, with a classifier of so many classes."""
        w, h = self.width, self.hidden
        linear = w * w + w
        perceptron = 2 * w * h + h + w
        layer = 4 * linear + 4 * w + perceptron + 2 * w * self.layer_scale
        embedding = 3 * self.patch**2 * w + w * self.patch_bias + w * self.class_token
        positions = (self.tokens + self.class_token) * w
        # Attention pooling: a latent, query, key, value and output maps, a norm and a perceptron.
        pooling = (w + 4 * linear + 2 * w + perceptron) * self.attention_pooling
        stem = embedding + positions + 2 * w * self.norm_before
        return Structure(stem, (layer,) * self.depth, 2 * w + pooling, (w + 1) * classes, w + 1, self.shapes())

    def parameters(self) -> int:
        """Return the number of parameters of the tower without a classifier."""
        return self.structure().parameters()


def plain(width: int, depth: int, patch: int = 16, pixels: int = 224, hidden: int | None = None) -> VisionTransformer:
    """Return a vision transformer as first published."""
    tokens = (pixels // patch) ** 2
    return VisionTransformer(width, depth, hidden or 4 * width, patch, tokens, True, True, False, False, False)


VISION_TRANSFORMERS = {
    "vit-tiny-patch16-224": plain(192, 12),
    "vit-small-patch16-224": plain(384, 12),
    "vit-base-patch16-224": plain(768, 12),
    "vit-base-patch32-224": plain(768, 12, patch=32),
    "vit-large-patch16-224": plain(1024, 24),
}

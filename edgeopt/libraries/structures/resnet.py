"""Residual networks for images (He et al., Deep Residual Learning, arXiv 1512.03385, table 1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from edgeopt.libraries.structures.structure import Structure

WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


def convolution(kernel: int, inputs: int, outputs: int) -> int:
    """Return the number of weights of a convolution, and of scales and shifts of the normalisation behind it."""
    return kernel**2 * inputs * outputs + 2 * outputs


STEM = convolution(7, 3, WIDTHS[0])


@dataclass(frozen=True)
class ResNet:
    """A residual network: the numbers of blocks of its four layers, and the kind of its blocks."""

    blocks: tuple[int, ...]
    bottleneck: bool

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Channels that each layer puts out."""
        return tuple(width * (EXPANSION if self.bottleneck else 1) for width in WIDTHS[: len(self.blocks)])

    @property
    def features(self) -> int:
        """Channels that the head reads."""
        return self.layer_widths[-1]

    @cached_property
    def layers(self) -> list[list[int]]:
        """Parameters of each block of each layer."""
        layers: list[list[int]] = []
        inputs = WIDTHS[0]
        for count, width, outputs in zip(self.blocks, WIDTHS, self.layer_widths, strict=False):
            layers.append([])
            for _ in range(count):
                layers[-1].append(self._block(inputs, width, outputs))
                inputs = outputs
        return layers

    def _block(self, inputs: int, width: int, outputs: int) -> int:
        projection = convolution(1, inputs, outputs) if inputs != outputs else 0
        if self.bottleneck:
            path = convolution(1, inputs, width) + convolution(3, width, width) + convolution(1, width, outputs)
        else:
            path = convolution(3, inputs, width) + convolution(3, width, outputs)
        return path + projection

    @property
    def weighted_layers(self) -> int:
        """Convolutions, projections and the classifier."""
        projections = len(self.blocks) - (not self.bottleneck)
        return 1 + sum(self.blocks) * (3 if self.bottleneck else 2) + projections + 1

    def parameters(self, classes: int = 1000) -> int:
        """Return the number of parameters of the whole network."""
        return self.structure().parameters(classes)

    def structure(self, classes: int = 1000) -> Structure:
        """Return the network as layers, each residual block being one."""
        blocks = tuple(block for layer in self.layers for block in layer)
        return Structure(STEM, blocks, 0, (self.features + 1) * classes, self.features + 1)


RESNETS = {
    "resnet18": ResNet((2, 2, 2, 2), bottleneck=False),
    "resnet34": ResNet((3, 4, 6, 3), bottleneck=False),
    "resnet50": ResNet((3, 4, 6, 3), bottleneck=True),
    "resnet101": ResNet((3, 4, 23, 3), bottleneck=True),
    "resnet152": ResNet((3, 8, 36, 3), bottleneck=True),
}

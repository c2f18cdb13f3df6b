"""Facts about real networks: parameters per part, operations, measured speed. SOURCES.md says where each stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgeopt.libraries.structures import Llama, LoraSetting, ResNet, VisionTransformer
from edgeopt.libraries.structures.llama import HALF, LLAMAS
from edgeopt.libraries.structures.resnet import RESNETS as STRUCTURES
from edgeopt.libraries.structures.resnet import STEM

__all__ = ["HALF", "STEM"]

SINGLE = 4  # bytes of a parameter


@dataclass(frozen=True)
class Speed:
    """Inference on an image of the stated width and height.

    Attributes
    ----------
    gmacs : float
        Multiply-accumulate operations, in 1e9.
    macts : float
        Values of the activations of the weighted layers, in 1e6.
    images_per_s : float
        Measured on an RTX 3090 with mixed precision, in batches of 384 to 1024.
    top1 : float
        Accuracy on ImageNet; 0 where there is none.
    """

    pixels: int
    gmacs: float
    macts: float
    images_per_s: float
    top1: float = 0.0


# --- ResNet -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class MeasuredResNet(ResNet):
    """A residual network with its measured speed."""

    speed: Speed


SPEEDS = {
    "resnet18": Speed(224, 1.82, 2.48, 9260.29, 0.69752),
    "resnet50": Speed(224, 4.11, 11.11, 3219.06, 0.76156),
    "resnet152": Speed(224, 11.56, 22.56, 1373.51, 0.78330),
}
RESNETS = {name: MeasuredResNet(STRUCTURES[name].blocks, STRUCTURES[name].bottleneck, SPEEDS[name]) for name in SPEEDS}
RESNET18_LAYERS = RESNETS["resnet18"].layers

# --- Faster R-CNN on ResNet-50 with a feature pyramid, 800 x 800 pixels -----------------------------------------------
DETECTION_PIXELS = 800
PYRAMID_WIDTH = 256
PYRAMID_OUTER = 2_360_320
REGION_PROPOSAL = 590_080 + 771 + 3_084
BOX_HEAD = 12_846_080 + 1_049_600
BOX_FEATURES = 1024
DETECTION_RESNET50_GMACS = 134.42
DETECTION_RESNET50_BYTES = 1_458_420_000 // 2  # torchinfo counts the forward pass and as much for the backward pass


def pyramid_inner(backbone: str) -> int:
    """Parameters of the 1 x 1 convolutions that bring the four layers' outputs to the pyramid's width."""
    return sum(PYRAMID_WIDTH * (width + 1) for width in RESNETS[backbone].layer_widths)


def box_predictor(classes: int) -> int:
    """Parameters of the last layer of the detector: scores and four coordinates per class, background included."""
    return (BOX_FEATURES + 1) * 5 * (classes + 1)


# --- Llama and its adapters -------------------------------------------------------------------------------------------
LLAMA2_7B = LLAMAS["llama-2-7b"]
LLAMA31_8B = replace(LLAMAS["llama-3.1-8b"], eight_bit=True)

ALL_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LORA_SETTINGS = {
    "r64": LoraSetting(64, ("q_proj", "v_proj")),
    "r4": LoraSetting(4, ("q_proj", "v_proj")),
    "r2-last": LoraSetting(2, ALL_MODULES, layers=1),
}

CONTEXT_TOKENS = 128  # our choice: a short request
ANSWER_TOKENS = 13  # median of the code service in the Azure LLM inference trace 2023
TOKENS_PER_S = 28.018  # median of 30 runs of OPT-6.7B on an A5000, one request at a time


# --- Vision transformers ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Tower(VisionTransformer):
    """A vision tower with its measured speed."""

    speed: Speed


TOWERS = {
    "clip-l-336": Tower(1024, 24, 4096, 14, 576, True, False, True, False, False, Speed(336, 191.11, 270.24, 157.73)),
    "siglip-so400m-384": Tower(
        1152, 27, 4304, 14, 729, False, True, False, False, True, Speed(384, 335.4, 452.89, 80.82)
    ),
    "dinov2-l-518": Tower(1024, 24, 4096, 14, 1369, True, True, False, True, False, Speed(518, 507.15, 1058.82, 58.84)),
}


def projector(tower: VisionTransformer, base: Llama) -> int:
    """Parameters of the two-layer perceptron that turns a tower's features into a language model's inputs."""
    return (tower.width + 1) * base.hidden + (base.hidden + 1) * base.hidden


# Operations per second that an RTX 3090 reached on a large vision transformer (81.08 GMACs at 359.73 images/s).
REACHED_FLOPS = 2 * 81.08e9 * 359.73

# --- Downstream tasks and their numbers of classes --------------------------------------------------------------------
CLASSIFICATION_TASKS = {
    "aircraft": 100,
    "birds": 200,
    "caltech": 101,
    "cars": 196,
    "cifar100": 100,
    "dogs": 120,
    "emotions": 7,
    "eurosat": 10,
    "flowers": 102,
    "food": 101,
    "indoor": 67,
    "pets": 37,
    "places": 365,
    "plants": 38,
    "scenes": 397,
    "skin": 7,
    "street-numbers": 10,
    "textures": 47,
    "traffic-signs": 43,
    "satellite": 45,
}

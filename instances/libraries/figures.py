"""Facts about real networks: parameters per part, operations, measured speed. SOURCES.md says where each stands."""

from __future__ import annotations

from dataclasses import dataclass

SINGLE, HALF = 4, 2  # bytes of a parameter


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


# --- ResNet: parameters (weights, biases, scales and shifts; no running statistics) of each part in order -------------
STEM = 9_408 + 128
# ResNet-18: two basic blocks in each layer.
RESNET18_LAYERS = [
    [73_984, 73_984],
    [230_144, 295_424],
    [919_040, 1_180_672],
    [3_673_088, 4_720_640],
]
# Bottleneck blocks of layers 1 to 4: the first of a layer, and each further one.
BOTTLENECK_FIRST = [75_008, 379_392, 1_512_448, 6_039_552]
BOTTLENECK_FURTHER = [70_400, 280_064, 1_117_184, 4_462_592]


def bottleneck_layers(blocks: list[int]) -> list[list[int]]:
    """Return the parameters of each bottleneck block, the layers having this many."""
    return [
        [first] + [further] * (count - 1)
        for first, further, count in zip(BOTTLENECK_FIRST, BOTTLENECK_FURTHER, blocks, strict=True)
    ]


@dataclass(frozen=True)
class ResNet:
    """A residual network: its layers' blocks, the features that its head reads, and its weighted layers."""

    layers: list[list[int]]
    features: int
    weighted_layers: int
    speed: Speed

    def head(self, classes: int) -> int:
        """Parameters of the linear classifier."""
        return (self.features + 1) * classes

    def parameters(self, classes: int = 1000) -> int:
        """Parameters of the whole network."""
        return STEM + sum(map(sum, self.layers)) + self.head(classes)


RESNETS = {
    "resnet18": ResNet(RESNET18_LAYERS, 512, 21, Speed(224, 1.82, 2.48, 9260.29, 0.69752)),
    "resnet50": ResNet(bottleneck_layers([3, 4, 6, 3]), 2048, 54, Speed(224, 4.11, 11.11, 3219.06, 0.76156)),
    "resnet152": ResNet(bottleneck_layers([3, 8, 36, 3]), 2048, 156, Speed(224, 11.56, 22.56, 1373.51, 0.78330)),
}

# --- Faster R-CNN on ResNet-50 with a feature pyramid, 800 x 800 pixels -----------------------------------------------
DETECTION_PIXELS = 800
PYRAMID_WIDTH = 256
PYRAMID_OUTER = 2_360_320
REGION_PROPOSAL = 590_080 + 771 + 3_084
BOX_HEAD = 12_846_080 + 1_049_600
BOX_FEATURES = 1024
DETECTION_RESNET50_GMACS = 134.42
DETECTION_RESNET50_BYTES = 1_458_420_000 // 2  # torchinfo counts the forward pass and as much for the backward pass
LAYER_WIDTHS = {
    "resnet18": (64, 128, 256, 512),
    "resnet50": (256, 512, 1024, 2048),
    "resnet152": (256, 512, 1024, 2048),
}


def pyramid_inner(backbone: str) -> int:
    """Parameters of the 1 x 1 convolutions that bring the four layers' outputs to the pyramid's width."""
    return sum(PYRAMID_WIDTH * (width + 1) for width in LAYER_WIDTHS[backbone])


def box_predictor(classes: int) -> int:
    """Parameters of the last layer of the detector: scores and four coordinates per class, background included."""
    return (BOX_FEATURES + 1) * 5 * (classes + 1)


# --- Llama: shapes from the configuration files -----------------------------------------------------------------------
@dataclass(frozen=True)
class Llama:
    """A Llama decoder; the attention's keys and values may have fewer heads than the queries."""

    hidden: int
    intermediate: int
    layers: int
    vocabulary: int
    key_value: int
    eight_bit: bool = False

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of the matrices of one layer."""
        return {
            "q_proj": (self.hidden, self.hidden),
            "k_proj": (self.hidden, self.key_value),
            "v_proj": (self.hidden, self.key_value),
            "o_proj": (self.hidden, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    def parameters(self) -> int:
        """All parameters: two embeddings, the layers' matrices and two norms each, a last norm."""
        matrices = sum(rows * columns for rows, columns in self.shapes().values())
        return 2 * self.vocabulary * self.hidden + self.layers * (matrices + 2 * self.hidden) + self.hidden

    def stored_bytes(self) -> int:
        """Bytes in half precision; with `eight_bit`, the layers' matrices take one byte a parameter, each of their
        rows a scale of four bytes, and each matrix a byte that names its format.
        """
        if not self.eight_bit:
            return HALF * self.parameters()
        matrices = sum(rows * columns for rows, columns in self.shapes().values())
        scales = sum(4 * columns + 1 for _, columns in self.shapes().values())
        return HALF * (self.parameters() - self.layers * matrices) + self.layers * (matrices + scales)

    def cache_bytes_per_token(self) -> int:
        """Keys and values of one token in half precision."""
        return 2 * self.layers * self.key_value * HALF


LLAMA2_7B = Llama(hidden=4096, intermediate=11_008, layers=32, vocabulary=32_000, key_value=4096)
LLAMA31_8B = Llama(hidden=4096, intermediate=14_336, layers=32, vocabulary=128_256, key_value=1024, eight_bit=True)


@dataclass(frozen=True)
class LoraSetting:
    """Rank, matrices, and layers of an adapter (all layers when `layers` is None)."""

    rank: int
    modules: tuple[str, ...]
    layers: int | None = None

    def stored_bytes(self, base: Llama) -> int:
        """Bytes of the adapter's two factors of each matrix, in half precision."""
        shapes = base.shapes()
        layers = base.layers if self.layers is None else self.layers
        return HALF * layers * sum(self.rank * sum(shapes[module]) for module in self.modules)


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
    speed: Speed

    def parameters(self) -> int:
        """All parameters of the tower without a classifier."""
        w, h = self.width, self.hidden
        linear = w * w + w
        perceptron = 2 * w * h + h + w
        block = 4 * linear + 4 * w + perceptron + 2 * w * self.layer_scale
        embedding = 3 * self.patch**2 * w + w * self.patch_bias + w * self.class_token
        positions = (self.tokens + self.class_token) * w
        # Attention pooling: a latent, query, key, value and output maps, a norm and a perceptron.
        pooling = (w + 4 * linear + 2 * w + perceptron) * self.attention_pooling
        return embedding + positions + 2 * w * self.norm_before + self.depth * block + 2 * w + pooling


TOWERS = {
    "clip-l-336": VisionTransformer(
        1024, 24, 4096, 14, 576, True, False, True, False, False, Speed(336, 191.11, 270.24, 157.73)
    ),
    "siglip-so400m-384": VisionTransformer(
        1152, 27, 4304, 14, 729, False, True, False, False, True, Speed(384, 335.4, 452.89, 80.82)
    ),
    "dinov2-l-518": VisionTransformer(
        1024, 24, 4096, 14, 1369, True, True, False, True, False, Speed(518, 507.15, 1058.82, 58.84)
    ),
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

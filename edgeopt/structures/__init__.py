"""Published structures of networks, and model libraries from structure alone."""

from edgeopt.structures.bert import Bert
from edgeopt.structures.drafting import Draft, frozen_blocks
from edgeopt.structures.families import library_of_structures
from edgeopt.structures.llama import Llama
from edgeopt.structures.resnet import ResNet
from edgeopt.structures.structure import LoraSetting, Structure
from edgeopt.structures.vision_transformer import VisionTransformer

__all__ = [
    "Bert",
    "Draft",
    "Llama",
    "LoraSetting",
    "ResNet",
    "Structure",
    "VisionTransformer",
    "frozen_blocks",
    "library_of_structures",
]

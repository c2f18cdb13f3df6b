"""Published structures of networks, and model libraries from structure alone."""

from edgeopt.libraries.structures.bert import Bert
from edgeopt.libraries.structures.drafting import LibraryDraft, frozen_blocks
from edgeopt.libraries.structures.families import library_of_structures
from edgeopt.libraries.structures.llama import Llama
from edgeopt.libraries.structures.resnet import ResNet
from edgeopt.libraries.structures.structure import LoraSetting, Structure
from edgeopt.libraries.structures.vision_transformer import VisionTransformer

__all__ = [
    "Bert",
    "LibraryDraft",
    "Llama",
    "LoraSetting",
    "ResNet",
    "Structure",
    "VisionTransformer",
    "frozen_blocks",
    "library_of_structures",
]

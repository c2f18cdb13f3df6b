"""Model libraries from checkpoint files: which tensors are the same bytes in several models."""

from edgeopt.libraries.checkpoints.scanning import Scan, scan

__all__ = ["Scan", "scan"]

"""Model libraries: what models there are, of which blocks, and how they share them."""

"""Model libraries: models, the blocks they are made of, and how they share them."""

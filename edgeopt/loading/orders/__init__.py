"""Models in an order, for one deadline: each is loaded once."""

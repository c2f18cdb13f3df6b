"""Recipes: what generators are told, one record each. A new argument of a generator is one field of its recipe."""

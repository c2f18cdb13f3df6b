"""Walks through the models under individual deadlines: what they bound, and what proves it."""

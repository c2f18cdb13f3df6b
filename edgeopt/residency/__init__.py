"""Residency: which models a GPU keeps between requests, and which it loads again."""

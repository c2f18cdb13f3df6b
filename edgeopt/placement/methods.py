"""Importing this module registers the methods of `placement`."""

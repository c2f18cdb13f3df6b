"""Beamformers that serve several users with one broadcast."""

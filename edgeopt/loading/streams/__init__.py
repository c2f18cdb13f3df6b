"""Streams: users who arrive over time, and a GPU that may load ahead."""

"""Edge nodes as agents that learn which blocks to fetch, drop and migrate."""

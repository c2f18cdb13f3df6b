"""Block caching, migration and cooperative broadcasting: the problem `caching`."""

"""Joint user scheduling and bandwidth allocation on one GPU (PartialLoading, arXiv 2503.22982)."""

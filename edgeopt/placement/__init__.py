"""Hit-ratio placement: which models each node stores, blocks counted once; one node is the set-union knapsack."""

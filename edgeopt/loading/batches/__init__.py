"""Lines of batches, in any mode: a model may come again."""

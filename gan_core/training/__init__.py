"""A training set becomes a checkpoint."""

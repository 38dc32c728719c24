"""Training: from a training set to a checkpoint."""

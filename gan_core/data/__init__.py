"""Images become a training set."""

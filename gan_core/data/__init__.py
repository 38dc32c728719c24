"""From images to a training set."""

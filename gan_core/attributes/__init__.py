"""What a picture shows: attribute classifiers and their labels."""

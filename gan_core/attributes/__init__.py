"""Attribute classifiers and the labels that they give to pictures."""

"""Exact nearest neighbours in pixels and in features."""

"""Directions, arithmetic, inversion and the effect of each coordinate."""

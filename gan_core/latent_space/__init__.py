"""Directions, arithmetic, inversion and what each coordinate does."""

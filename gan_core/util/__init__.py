"""Errors, files, names and progress: what every other folder uses."""

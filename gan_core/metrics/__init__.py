"""How good the samples are and whether they were copied: pure functions and their reports."""

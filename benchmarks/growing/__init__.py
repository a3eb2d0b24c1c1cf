"""Simulated days of a machine, and the stores that they are written to."""

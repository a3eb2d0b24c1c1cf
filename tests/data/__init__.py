"""Answers of a real kernel, and the script that captured them."""

"""Limits of the history: rounds of deletion, in short steps."""

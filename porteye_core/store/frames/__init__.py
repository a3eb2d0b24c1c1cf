"""Filters to DataFrames, one file a question: the only pandas in the store."""

"""Rows of single tables, written within the caller's transaction."""

"""Helpers for tests: real processes that open real sockets, and databases with known contents."""

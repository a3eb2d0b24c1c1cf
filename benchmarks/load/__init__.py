"""Loads: processes that hold, open and close real sockets, and end with the benchmark."""

"""Loads: processes that hold, open and close real sockets, and end with the benchmark."""

OPENER_FIELDS = 4  # port, time before listen(), time after it, time after close()

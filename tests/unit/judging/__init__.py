"""Judging: the file of expected ports, verdicts, and what the history teaches."""

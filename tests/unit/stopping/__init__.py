"""Stopping: the right process, and the truth about its end."""

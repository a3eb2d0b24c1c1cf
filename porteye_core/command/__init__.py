"""The command `porteye`: answers in a terminal, and doors to monitor, dashboard and backup.

It loads neither pandas nor a web framework, so that it answers at once.
"""

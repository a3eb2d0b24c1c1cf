"""The process that ships the history of this host to a fleet."""

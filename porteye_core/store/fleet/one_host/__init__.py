"""One host of a fleet, for the questions that a host's own database answers."""

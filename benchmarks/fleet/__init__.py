"""A host that ships to a fleet, and its page through the fleet, timed beside its own database."""

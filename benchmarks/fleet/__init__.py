"""A host that ships to a fleet, its page beside its own database, and questions over many hosts."""

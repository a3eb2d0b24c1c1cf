"""The database file: schema, lock, ownership, damage, quarantine, backup, connections that read."""

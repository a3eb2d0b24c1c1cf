"""Storage in SQLite: one writer, and readers that cannot write."""

"""What was seen, kept in SQLite: one writer, and readers that cannot write."""
